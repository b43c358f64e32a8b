package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/hanok/hanok/internal/machine"
)

// process is a process of the state, ready to be started.
type process struct {
	machine.Process
	path string // of the program, as the agent sees it
	hash string // changes when the process must be restarted
}

// defaultPath is the search path of processes that name none.
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// processes gives the processes that a state wants, each after those it waits
// for.
func (a *agent) processes(s machine.State) ([]process, error) {
	wanted, err := inOrder(s.Processes)
	if err != nil {
		return nil, err
	}
	result := make([]process, 0, len(wanted))
	for _, w := range wanted {
		if len(w.Argv) == 0 || w.Argv[0] == "" {
			return nil, fmt.Errorf("process %s has no program to run", w.Name)
		}
		p := process{Process: w, path: w.Argv[0]}
		h := sha256.New()
		if !filepath.IsAbs(p.path) {
			p.path = a.path(filepath.Join(bundleDir(s.Bundle), p.path))
			fmt.Fprintln(h, s.Bundle.Version, s.Bundle.Digest)
		}
		if err := a.hashProcess(h, w); err != nil {
			return nil, err
		}
		p.hash = hex.EncodeToString(h.Sum(nil))
		result = append(result, p)
	}
	return result, nil
}

// hashProcess hashes a description and the files whose change restarts it.
func (a *agent) hashProcess(h hash.Hash, p machine.Process) error {
	if err := json.NewEncoder(h).Encode(p); err != nil {
		return err
	}
	for _, path := range p.RestartOn {
		f, err := os.Open(a.path(path))
		if err != nil {
			return fmt.Errorf("process %s is to restart on a file of its own: %w", p.Name, err)
		}
		_, err = io.Copy(h, f)
		f.Close()
		if err != nil {
			return fmt.Errorf("process %s: %s: %w", p.Name, path, err)
		}
	}
	return nil
}

// inOrder sorts processes so that each comes after those in its After, and
// refuses what could never start.
func inOrder(wanted []machine.Process) ([]machine.Process, error) {
	byName := make(map[string]machine.Process, len(wanted))
	for _, p := range wanted {
		if _, twice := byName[p.Name]; twice || p.Name == "" || p.Name != filepath.Base(p.Name) {
			return nil, fmt.Errorf("process name %q is empty, there twice, or no file name", p.Name)
		}
		byName[p.Name] = p
	}
	var result []machine.Process
	const visiting, done = 1, 2
	mark := make(map[string]int, len(wanted))
	var visit func(p machine.Process) error
	visit = func(p machine.Process) error {
		switch mark[p.Name] {
		case visiting:
			return fmt.Errorf("process %s waits for itself", p.Name)
		case done:
			return nil
		}
		mark[p.Name] = visiting
		for _, name := range p.After {
			before, ok := byName[name]
			if !ok {
				return fmt.Errorf("process %s is to start after %q, which is no process of the state", p.Name, name)
			}
			if err := visit(before); err != nil {
				return err
			}
		}
		mark[p.Name] = done
		result = append(result, p)
		return nil
	}
	for _, p := range wanted {
		if err := visit(p); err != nil {
			return nil, err
		}
	}
	return result, nil
}
