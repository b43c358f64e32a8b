package local

import (
	"time"

	"github.com/hanok/hanok/internal/infra/local/machines"
)

// BuildUsers tells which builds of bundles the machines of an installation
// use, as bundle.Users has it, running or not.
func BuildUsers(inst, stateDir string, latest time.Time) (map[string][]string, error) {
	return machines.BuildUsers(inst, stateDir, latest)
}

// BuildProcesses tells which builds of bundles processes of this host run out
// of, whoever's they are.
func BuildProcesses() (map[string][]string, error) { return machines.BuildProcesses() }
