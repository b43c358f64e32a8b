package engine

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/hanok/hanok"
)

// Boundary is a moment before or after a step of an operation.
type Boundary struct {
	Type hanok.EventType
	Step string
	// After is set when the step has ended well, before anything tells so.
	After bool
}

// String gives the boundary as CrashAt reads it: "CLUSTER_CREATE/machines/after".
func (b Boundary) String() string {
	side := "before"
	if b.After {
		side = "after"
	}
	return fmt.Sprintf("%s/%s/%s", b.Type, b.Step, side)
}

// Boundaries lists every boundary of every operation, in order.
func Boundaries() []Boundary {
	var all []Boundary
	for _, t := range slices.Sorted(maps.Keys(steps)) {
		for _, way := range steps[t] {
			for _, s := range way {
				if b := (Boundary{t, s.name, false}); !slices.Contains(all, b) {
					all = append(all, b, Boundary{t, s.name, true})
				}
			}
		}
	}
	return all
}

// CrashAt gives an AtBoundary that kills this process, as kill -9 does, at
// the boundary of that name; "" gives nil. It is there for crash tests.
func CrashAt(name string) (func(Boundary), error) {
	if name == "" {
		return nil, nil
	}
	names := make([]string, 0, 32)
	for _, b := range Boundaries() {
		if b.String() == name {
			return func(at Boundary) {
				if at == b {
					syscall.Kill(os.Getpid(), syscall.SIGKILL)
					select {} // until the signal arrives
				}
			}, nil
		}
		names = append(names, b.String())
	}
	return nil, fmt.Errorf("no boundary is named %q; there are: %s", name, strings.Join(names, ", "))
}
