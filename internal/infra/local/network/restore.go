package network

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Restore makes what the records say and the host lacks, after a reboot or a
// crash, and removes what a crash left half deleted. It goes on after a
// failure and reports all of them together. What is right is left alone.
func (m *Manager) Restore(ctx context.Context) error {
	r := m.ledger.view()
	machines := map[string]bool{}
	for _, p := range r.Ports {
		if p.Machine != "" {
			machines[p.Machine] = true
		}
	}
	return errors.Join(
		atOnce(maps.Keys(r.VPCs), func(vpc string) error {
			if err := m.restoreVPC(ctx, vpc); err != nil {
				return fmt.Errorf("restore the network of VPC %s: %w", vpc, err)
			}
			return nil
		}),
		atOnce(maps.Keys(machines), func(id string) error {
			if err := m.restoreMachine(ctx, id); err != nil {
				return fmt.Errorf("restore the network of machine %s: %w", id, err)
			}
			return nil
		}),
		m.removeStrays(),
		m.loadHostRules(ctx),
	)
}

// atOnce does all, some of them at a time: most of the work is to wait for
// the kernel. It gives all errors.
func atOnce(keys iter.Seq[string], do func(string) error) error {
	var mu sync.Mutex
	var errs []error
	var group errgroup.Group
	group.SetLimit(8)
	for key := range keys {
		group.Go(func() error {
			if err := do(key); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
			return nil
		})
	}
	group.Wait() // its functions give no error
	return errors.Join(errs...)
}

func (m *Manager) restoreVPC(ctx context.Context, vpc string) error {
	defer m.vpcs.lock(vpc)()
	r := m.ledger.view()
	if _, ok := r.VPCs[vpc]; !ok {
		return nil
	}
	if err := m.ensureRouter(ctx, vpc, true); err != nil {
		return err
	}
	for _, e := range r.Endpoints {
		if e.VPC == vpc {
			if err := m.publish(ctx, r, e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *Manager) restoreMachine(ctx context.Context, id string) error {
	defer m.nodes.lock(id)()
	return m.attach(ctx, id, portsOf(m.ledger.view(), id), false)
}

// removeStrays removes namespaces and links of ours that are not on record: a
// crash came between their end on record and their end.
func (m *Manager) removeStrays() error {
	r := m.ledger.view()
	want := map[string]bool{}
	for vpc, v := range r.VPCs {
		want[m.names.router(vpc)], want[m.names.link(v.Index)] = true, true
	}
	for _, p := range r.Ports {
		want[m.names.machine(p.Machine)] = p.Machine != ""
	}
	var errs []error
	found, _ := filepath.Glob(filepath.Join(m.site.namespaces, namespacePrefix+m.names.inst+"-*"))
	for _, path := range found {
		if name := filepath.Base(path); !want[name] && (strings.HasPrefix(name, m.names.router("")) || strings.HasPrefix(name, m.names.machine(""))) {
			errs = append(errs, removeNamespace(path))
		}
	}
	host, err := openHandle(m.site.host)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	defer host.Close()
	links, err := host.LinkList()
	errs = append(errs, err)
	for _, l := range links {
		if name := l.Attrs().Name; strings.HasPrefix(name, m.names.linkPrefix()) && !want[name] {
			errs = append(errs, removeLink(host, name))
		}
	}
	return errors.Join(errs...)
}

// Destroy removes everything of the installation, its records too, and gives
// the host its settings back. The Manager cannot be used after it.
func (m *Manager) Destroy(ctx context.Context) error {
	if err := m.site.remove(ctx, m.names.inst); err != nil {
		return err
	}
	if err := os.RemoveAll(m.dir); err != nil {
		return fmt.Errorf("remove the network state: %w", err)
	}
	return nil
}
