package agent

import (
	"errors"
	"fmt"

	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/internal/machine/seed"
)

// containerdRoot is where containerd keeps images; it lies on the machine's
// own disk.
const containerdRoot = "/var/lib/containerd"

// seedContainerd gives a containerd that never ran the images of the bundle,
// where the bundle is prepared for that.
func (a *agent) seedContainerd(s machine.State) error {
	if !s.Containerd || a.supervisor.alive(containerdProcess) {
		return nil
	}
	err := seed.Apply(a.path(bundleDir(s.Bundle)), a.path(containerdRoot))
	if err != nil && !errors.Is(err, seed.ErrNoSeed) {
		return fmt.Errorf("containerd's first images: %w", err)
	}
	return nil
}

// seeded tells whether containerd has all images of the bundle by its seed;
// if one was deleted since, it does not.
func (a *agent) seeded(b machine.Bundle) bool {
	return seed.Applied(a.path(bundleDir(b)), a.path(containerdRoot))
}
