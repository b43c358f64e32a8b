package serve

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// PIDFile is the name, in a state directory, of the file that its service
// holds a lock on and writes its process id to.
const PIDFile = "hanok.pid"

// Owner is the hold of one process on a state directory.
type Owner struct{ f *os.File }

// Own makes this process the only service of a state directory. Another one
// that runs is an error that names its process; one that died is not.
func Own(stateDir string) (*Owner, error) {
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state directory: %w", err)
	}
	path := filepath.Join(stateDir, PIDFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the pid file: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s belongs to a service that runs already (process %s): stop it, or give this one another --state-dir", stateDir, ownerOf(path))
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return &Owner{f: f}, nil
}

// Release gives the state directory free. The file stays: removing it would
// let two processes lock two files of that name.
func (o *Owner) Release() error {
	if err := o.f.Truncate(0); err != nil {
		o.f.Close()
		return err
	}
	return o.f.Close()
}

// Running gives the process id of the service that owns a state directory, 0
// where none runs.
func Running(stateDir string) (int, error) {
	path := filepath.Join(stateDir, PIDFile)
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("open the pid file: %w", err)
	}
	defer f.Close()
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if err == nil {
		return 0, nil // nobody holds it; closing gives our own lock back
	}
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return 0, fmt.Errorf("lock %s: %w", path, err)
	}
	pid, err := strconv.Atoi(ownerOf(path))
	if err != nil {
		return 0, fmt.Errorf("%s is locked but names no process: %w", path, err)
	}
	return pid, nil
}

func ownerOf(path string) string {
	b, err := os.ReadFile(path)
	if s := strings.TrimSpace(string(b)); err == nil && s != "" {
		return s
	}
	return "unknown"
}
