package network

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"
)

func TestDestroyLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	settings := func() map[string]string {
		m := map[string]string{}
		must(t, inNamespace(w.site.host, func() error {
			for _, path := range forwardingSettings() {
				v, err := readSetting(path)
				if err != nil {
					return err
				}
				m[path] = v
			}
			return nil
		}))
		return m
	}
	must(t, w.manager.Destroy(t.Context()))
	must(t, inNamespace(w.site.host, func() error {
		return errors.Join(
			writeSetting(hostForward, "0"), // a new namespace may have the real host's value
			writeSetting("ipv4/conf/eth0/forwarding", "1"),
			writeSetting("ipv4/conf/all/accept_redirects", "0"),
		)
	}))
	before := settings()
	if before[hostForward] != "0" || before["ipv4/conf/eth0/forwarding"] != "1" {
		t.Fatalf("settings before: %v", before)
	}

	w.open()
	s := testSubnet("10.0.0.0/24", true)
	w.node(s, false)
	w.endpoint(s, true, w.node(s, true))
	if settings()[hostForward] != "1" {
		t.Error("the host does not forward")
	}
	kinds := map[string]int{}
	list, err := w.site.found(t.Context(), w.inst)
	must(t, err)
	for _, l := range list {
		kinds[l.Kind]++
	}
	for kind, n := range map[string]int{"network namespace": 3, "interface": 2, "route": 1, "nftables table": 1, "address claim": 1, "host setting": 1} {
		if kinds[kind] != n {
			t.Errorf("found %d of %s, want %d: %v", kinds[kind], kind, n, list)
		}
	}
	for range 2 {
		must(t, w.manager.Destroy(t.Context()))
	}
	if list, err := w.site.found(t.Context(), w.inst); err != nil || len(list) != 0 {
		t.Errorf("left: %v, %v", list, err)
	}
	after := settings()
	for path, v := range before {
		if after[path] != v {
			t.Errorf("%s is %s, was %s", path, after[path], v)
		}
	}
	if files, _ := os.ReadDir(w.state); len(files) != 1 { // resolv.conf
		t.Errorf("state left: %v", files)
	}
	if _, err := os.Stat(w.site.run); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of the last installation there remains %s (%v)", w.site.run, err)
	}
}

// TestLockThatIsRemoved: the lock keeps others out also while the last one to
// leave removes it.
func TestLockThatIsRemoved(t *testing.T) {
	t.Parallel()
	s := site{run: filepath.Join(t.TempDir(), "run")}
	var inside atomic.Int32
	var g errgroup.Group
	for range 8 {
		g.Go(func() error {
			for range 100 {
				unlock, err := s.lock()
				if err != nil {
					return err
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d hold the lock at once", n)
				}
				inside.Add(-1)
				s.tidy()
				unlock()
			}
			return nil
		})
	}
	must(t, g.Wait())
}

// Two installations on one host: each has its own addresses, and the first to
// leave takes nothing from the other.
func TestTwoInstallations(t *testing.T) {
	t.Parallel()
	a := newWorld(t)
	b := *a
	b.state, b.inst = t.TempDir(), testInstallation()
	t.Cleanup(func() { must(t, b.site.remove(context.Background(), b.inst)) })
	bm, err := Open(t.Context(), b.config())
	must(t, err)
	b.manager = bm
	if a.manager.ServiceAddress() == b.manager.ServiceAddress() {
		t.Fatalf("both have %s", a.manager.ServiceAddress())
	}
	s := testSubnet("10.0.0.0/24", true)
	member := b.node(s, true)
	b.serve(member.path, member.at(6443), "b")
	e := b.endpoint(s, true, member)
	mine := a.node(s, false)
	a.serve(a.internet, internetAddress+":80", "internet")
	b.reaches(b.site.host, e.Address.String(), "b")
	a.refused(mine.path, e.Address.String())
	a.reaches(mine.path, internetAddress+":80", "internet")

	must(t, a.manager.Destroy(t.Context()))
	b.reaches(b.site.host, e.Address.String(), "b")
	b.reaches(member.path, internetAddress+":80", "internet")
}

func TestFoundKnowsOnlyOurNames(t *testing.T) {
	for name, want := range map[string]bool{
		"hk7e5000svc": true, "hk7e5000v0": true, "hk7e5000v1f": true,
		"hk7e5000": false, "hkother": false, "hk7E5000v0": false, "xhk7e5000v0": false, "hk7e5000vz": false,
	} {
		if got := interfaceRE.MatchString(name); got != want {
			t.Errorf("interface %s is ours: %v, want %v", name, got, want)
		}
	}
	for name, want := range map[string]bool{"hk-7e5000-vpc-x": true, "hk-7e5000-": false, "hk-other-x": false, "cni-7e5000-x": false} {
		if got := namespaceRE.MatchString(name); got != want {
			t.Errorf("namespace %s is ours: %v, want %v", name, got, want)
		}
	}
}
