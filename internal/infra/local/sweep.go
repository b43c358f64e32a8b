package local

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/hanok/hanok/internal/infra/local/machines"
	"github.com/hanok/hanok/internal/infra/local/network"
)

// Leftover is something on the host that carries an installation's id: in
// use, or left behind.
type Leftover struct {
	Kind         string // "process", "mount", "network namespace", …
	Name         string
	Installation string
}

// Found lists what an installation has on the host, by names alone: its state
// directory may be gone. "" lists all installations.
func Found(inst string) ([]Leftover, error) {
	ms, err := machines.Found(inst)
	if err != nil {
		return nil, err
	}
	ns, err := network.Found(inst)
	if err != nil {
		return nil, err
	}
	var list []Leftover
	for _, l := range ms {
		list = append(list, Leftover(l))
	}
	for _, l := range ns {
		list = append(list, Leftover(l))
	}
	slices.SortStableFunc(list, func(a, b Leftover) int { return cmp.Compare(a.Installation, b.Installation) })
	return list, nil
}

// Sweep removes what Found lists, running or not: machines first, then the
// networks that they hold, and with the last installation what they share.
// What lies in state directories stays. It may be called again after a
// failure.
func Sweep(ctx context.Context, inst string) error {
	ids := []string{inst}
	if inst == "" {
		list, err := Found("")
		if err != nil {
			return err
		}
		ids = ids[:0]
		for _, l := range list {
			if !slices.Contains(ids, l.Installation) {
				ids = append(ids, l.Installation)
			}
		}
	}
	var failed error
	for _, id := range ids {
		failed = errors.Join(failed, machines.Remove(ctx, id), network.Remove(id))
	}
	return failed
}

// Tidy removes what installations share on the host where none is left.
func Tidy() error { return network.Tidy() }
