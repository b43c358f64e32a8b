package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/fake"
	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/internal/store"
)

// scriptedLabels are of a group whose nodes run two scripts and have an extra volume.
func scriptedLabels() map[string]string {
	return map[string]string{
		hanok.LabelUserScript: "#!/bin/sh\n", hanok.LabelUserScriptV2: "#!/bin/bash\n",
		hanok.LabelExtraVolumes: `[{"volume_type":"General SSD","volume_size":3,"volume_mount_path":"/data"}]`,
	}
}

// TestScriptThatFailsIsTold: the node joins all the same, and event and
// statuses tell which node's script ended how.
func TestScriptThatFailsIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, nil)
	p := plan("prod", 1)
	p.Group.Labels = scriptedLabels()
	c := create(t, e, p)
	worker := w.worker(t, c.UUID)
	w.setReport(worker.Key, machine.Report{Applied: true, Scripts: []machine.ScriptReport{{Name: "userscript", Started: time.Now()}}})
	eventually(t, "the operation waits for the script", func() (bool, string) {
		lines := strings.Join(w.events(t, c.UUID), "\n")
		return strings.Contains(lines, "nodes") || strings.Contains(lines, "add-ons") || strings.Contains(lines, "finishing"), lines
	})
	w.setReport(worker.Key, machine.Report{Applied: true, Ready: true, ScriptsDone: true, Scripts: []machine.ScriptReport{
		{Name: "userscript", Started: time.Now(), Ended: time.Now()},
		{Name: "userscript_v2", Started: time.Now(), Ended: time.Now(), ExitCode: 3, Error: "exit status 3: no such host"},
	}})
	done := w.awaitStatus(t, c.UUID, hanok.CreateComplete)
	for _, text := range []string{done.StatusReason, w.events(t, c.UUID)[0]} {
		for _, want := range []string{"userscript_v2 of " + worker.Name, "exit code 3", "no such host", "/var/log/userscript_v2.output"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q says nothing of %q", text, want)
			}
		}
	}
	if spec, ok := w.cloud.Spec(w.worker(t, c.UUID).UUID); !ok || len(spec.ExtraVolumes) != 1 ||
		spec.ExtraVolumes[0] != (infra.ExtraVolume{Volume: infra.Volume{Type: "General SSD", SizeGB: 3}, MountPath: "/data"}) {
		t.Errorf("the machine was asked for with extra volumes %+v", spec.ExtraVolumes)
	}
}

// TestRunningScriptIsTold: whoever waits for a node sees what it waits for.
func TestRunningScriptIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, nil)
	c := completed(t, w, e, 1)
	w.notReady.Store(true)
	p := groupPlan("scripted", 1)
	p.Group.Labels = scriptedLabels()
	if _, err := e.CreateNodeGroup(t.Context(), c.UUID, p); err != nil {
		t.Fatal(err)
	}
	_, nodes := w.group(t, c.UUID, "scripted")
	w.setReport(nodes[0].Key, machine.Report{Applied: true, Scripts: []machine.ScriptReport{{Name: "userscript", Started: time.Now()}}})
	eventually(t, "the event tells of the script", func() (bool, string) {
		first := w.events(t, c.UUID)[0]
		return strings.Contains(first, nodes[0].Name+" runs its userscript"), first
	})
	w.notReady.Store(false)
	w.setReport(nodes[0].Key, machine.Report{Applied: true, Ready: true, ScriptsDone: true})
	w.awaitStatus(t, c.UUID, hanok.UpdateComplete)
}

// TestUserScriptReachesLaterNodes: the scripts are in the states of nodes, and
// a change is an event that is done at once.
func TestUserScriptReachesLaterNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Options{})
	e, _ := w.start(t, nil)
	p := plan("prod", 1)
	p.Group.Labels = scriptedLabels()
	c := create(t, e, p)
	w.setReport(w.worker(t, c.UUID).Key, machine.Report{Applied: true, Ready: true, ScriptsDone: true})
	w.awaitStatus(t, c.UUID, hanok.CreateComplete)
	d := Desired{Store: w.store, Bundles: w, ScriptTimeout: time.Minute}
	scripts := func() []machine.Script {
		t.Helper()
		s, err := d.Render(t.Context(), w.worker(t, c.UUID).Key)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Scripts) > 0 && len(s.AfterScripts) == 0 {
			t.Error("nothing waits for the scripts")
		}
		return s.Scripts
	}
	got := scripts()
	if len(got) != 2 || got[0].Name != "userscript" || string(got[0].Content) != "#!/bin/sh\n" || got[0].Timeout != 60 || got[1].Name != "userscript_v2" {
		t.Errorf("scripts %+v", got)
	}
	g, err := e.SetUserScript(t.Context(), c.UUID, hanok.DefaultWorkerGroup, "#!/bin/zsh\n")
	if err != nil || g.Labels[hanok.LabelUserScriptV2] != "#!/bin/zsh\n" || g.Labels[hanok.LabelUserScript] != "#!/bin/sh\n" {
		t.Errorf("the group after the change: %v, %v", g.Labels, err)
	}
	if got := scripts(); string(got[1].Content) != "#!/bin/zsh\n" {
		t.Errorf("scripts after the change %+v", got)
	}
	if got := w.events(t, c.UUID)[0]; got != "NODEGROUP_USERSCRIPT_UPDATE SUCCESS" {
		t.Errorf("its event: %q", got)
	}
	if now, _ := w.cluster(t, c.UUID); now.Status != hanok.CreateComplete || now.Labels[hanok.LabelUserScriptV2] != "#!/bin/zsh\n" {
		t.Errorf("the cluster: %s %v", now.Status, now.Labels)
	}
	if _, err := e.SetUserScript(t.Context(), c.UUID, hanok.DefaultWorkerGroup, ""); err != nil || len(scripts()) != 1 {
		t.Errorf("after the script was taken away: %v, %+v", err, scripts())
	}
	if _, err := e.SetUserScript(t.Context(), c.UUID, "no-such-group", "#!"); hanok.KindOf(err) != hanok.KindNotFound {
		t.Errorf("a group that is not there: %v", err)
	}
}

// worker gives the record of the cluster's only worker.
func (w *world) worker(t *testing.T, uuid string) (worker hanok.Node) {
	t.Helper()
	err := w.store.View(t.Context(), func(tx store.Tx) error {
		nodes, err := tx.Nodes(uuid)
		for _, n := range nodes {
			if n.Role == hanok.RoleWorker {
				worker = n
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return worker
}
