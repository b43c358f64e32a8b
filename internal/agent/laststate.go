package agent

import (
	"encoding/json"
	"fmt"

	"github.com/hanok/hanok/internal/machine"
)

// The agent's own files, all on its own disk and 0600.
const (
	keyFile       = machine.StateDir + "/agent.key"
	certFile      = machine.StateDir + "/agent.crt"
	lastStateFile = machine.StateDir + "/state.json"
	issuedFile    = machine.StateDir + "/certificates.json"
	blobDir       = machine.StateDir + "/blobs"
)

// lastState reads the state that the agent last got from the service.
func (a *agent) lastState() (machine.State, error) {
	var s machine.State
	if err := readJSON(a.path(lastStateFile), &s); err != nil {
		return machine.State{}, err
	}
	if s.Version == "" {
		return machine.State{}, fmt.Errorf("%s has no version", lastStateFile)
	}
	return s, nil
}

// keepState writes the state to disk and returns when it is there.
func (a *agent) keepState(s machine.State) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return syncFile(a.path(lastStateFile), b, 0o600)
}
