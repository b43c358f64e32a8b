package engine

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/internal/store"
)

// scriptsOf gives what a new node of a group runs at its first boot, the older
// script first. The guides name their files after them.
func scriptsOf(g hanok.NodeGroup, limit time.Duration) []machine.Script {
	var scripts []machine.Script
	for _, s := range []struct{ label, name string }{
		{hanok.LabelUserScript, "userscript"}, {hanok.LabelUserScriptV2, "userscript_v2"},
	} {
		if content := g.Labels[s.label]; content != "" {
			scripts = append(scripts, machine.Script{Name: s.name, Content: []byte(content), Timeout: int(limit.Seconds())})
		}
	}
	return scripts
}

// scriptNews is how long a machine that is up may take to tell how its
// scripts ended: its agent may have to find a service that has just started.
const scriptNews = 5 * time.Second

// scriptTrouble tells, in one line, which user scripts of these nodes did not
// end well; "" when all did. A script that fails keeps no node from joining,
// so whoever asked for it must be told.
func (o *operation) scriptTrouble(ctx context.Context, nodes []hanok.Node) string {
	ctx, cancel := context.WithTimeout(ctx, scriptNews)
	defer cancel()
	var troubles []string
	for _, n := range nodes {
		if n.Role != hanok.RoleWorker || !o.hasScripts(ctx, n) {
			continue
		}
		done := func(r machine.Report) bool { return r.ScriptsDone }
		if o.e.cfg.Fleet.Wait(ctx, n.Key, done) != nil {
			troubles = append(troubles, n.Name+" does not say how its user script ended")
			continue
		}
		r, _, _ := o.e.cfg.Fleet.Report(n.Key)
		for _, s := range r.Scripts {
			if s.ExitCode != 0 {
				troubles = append(troubles, fmt.Sprintf("%s of %s ended with exit code %d (%s; see /var/log/%s.output on the node)", s.Name, n.Name, s.ExitCode, s.Error, s.Name))
			}
		}
	}
	return strings.Join(troubles, "; ")
}

func (o *operation) hasScripts(ctx context.Context, n hanok.Node) bool {
	var g hanok.NodeGroup
	err := o.view(ctx, func(tx store.Tx) (err error) {
		g, err = tx.NodeGroup(n.ClusterUUID, n.NodeGroupUUID)
		return err
	})
	return err == nil && len(scriptsOf(g, 0)) > 0
}

// runningScripts tells which nodes still run a script; "" when none does. They
// have a time limit of their own.
func (o *operation) runningScripts(nodes []hanok.Node) string {
	var running []string
	for _, n := range nodes {
		r, _, _ := o.e.cfg.Fleet.Report(n.Key)
		for _, s := range r.Scripts {
			if s.Ended.IsZero() {
				running = append(running, fmt.Sprintf("%s runs its %s", n.Name, s.Name))
			}
		}
	}
	return strings.Join(running, ", ")
}

// SetUserScript changes the script of a group's nodes that are made from now
// on; "" is none. Nodes that exist are not touched, so it is done at once.
func (e *Engine) SetUserScript(ctx context.Context, clusterUUID, group, script string) (hanok.NodeGroup, error) {
	var g hanok.NodeGroup
	err := e.cfg.Store.Update(ctx, func(tx store.Tx) error {
		c, err := tx.Cluster(clusterUUID)
		if err != nil {
			return err
		}
		if g, err = tx.NodeGroup(clusterUUID, group); err != nil {
			return err
		}
		if err := hanok.Allow(hanok.OpChangeGroups, c.Status); err != nil {
			return err
		}
		if err := hanok.AllowGroup(hanok.OpConfigureGroup, g.Name, g.Status); err != nil {
			return err
		}
		now := e.now()
		g.Labels = withLabel(g.Labels, hanok.LabelUserScriptV2, script)
		g.UpdatedAt = now
		if g, err = tx.PutNodeGroup(g); err != nil {
			return err
		}
		if g.IsDefault { // the cluster's labels show its default group's
			c.Labels = withLabel(c.Labels, hanok.LabelUserScriptV2, script)
			c.UpdatedAt = now
			if err := tx.PutCluster(c); err != nil {
				return err
			}
		}
		_, err = tx.InsertEvent(hanok.Event{
			UUID: uuid.NewString(), ProjectID: c.ProjectID, ClusterUUID: c.UUID, ClusterName: c.Name,
			ResourceUUID: g.UUID, ResourceName: g.Name, ResourceType: hanok.ResourceNodeGroup,
			Type: hanok.NodeGroupUserScript, State: hanok.EventSuccess, CreatedAt: now, UpdatedAt: now, Deadline: now,
		})
		return err
	})
	return g, err
}

// withLabel gives labels with one of them changed; "" takes it out.
func withLabel(labels map[string]string, name, value string) map[string]string {
	changed := maps.Clone(labels)
	if changed == nil {
		changed = map[string]string{}
	}
	changed[name] = value
	if value == "" {
		delete(changed, name)
	}
	return changed
}
