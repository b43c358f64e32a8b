package serve

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// pidFile is the name, in a state directory, of the file that its service
// holds a lock on and writes its process id to.
const pidFile = "hanok.pid"

// owner is the hold of one process on a state directory.
type owner struct{ f *os.File }

// ownerLeaves is how long a service that was killed may take to be gone: the
// kernel lets it finish what it writes to the disk, and a program that it was
// starting shares its lock until that has begun.
const ownerLeaves = 10 * time.Second

// own makes this process the only service of a state directory. Another one
// that runs is an error that names its process; one that died is not, and one
// that is dying is waited for.
func own(stateDir string) (*owner, error) {
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state directory: %w", err)
	}
	path := filepath.Join(stateDir, pidFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the pid file: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	for deadline := time.Now().Add(ownerLeaves); errors.Is(err, unix.EWOULDBLOCK) && leaving(ownerOf(path)) && time.Now().Before(deadline); {
		time.Sleep(ownerLeaves / 500)
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
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
	return &owner{f: f}, nil
}

// release gives the state directory free. The file stays: removing it would
// let two processes lock two files of that name.
func (o *owner) release() error {
	if err := o.f.Truncate(0); err != nil {
		o.f.Close()
		return err
	}
	return o.f.Close()
}

// Running gives the process id of the service that owns a state directory, 0
// where none runs.
func Running(stateDir string) (int, error) {
	path := filepath.Join(stateDir, pidFile)
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

const unknownOwner = "unknown"

func ownerOf(path string) string {
	b, err := os.ReadFile(path)
	if s := strings.TrimSpace(string(b)); err == nil && s != "" {
		return s
	}
	return unknownOwner
}

// leaving tells whether a process is gone, ends, or was killed.
func leaving(pid string) bool {
	if pid == unknownOwner {
		return true // it gave the directory free, or has yet to write its name
	}
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH)
	}
	// The name in parentheses may hold anything; what follows its end does not.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const stateField, flagsField, exiting = 0, 6, 0x4 // PF_EXITING of the kernel
	if len(fields) <= flagsField {
		return true
	}
	flags, err := strconv.ParseUint(fields[flagsField], 10, 64)
	if err != nil || flags&exiting != 0 || fields[stateField] == "Z" || fields[stateField] == "X" {
		return err == nil
	}
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH)
	}
	for line := range strings.Lines(string(status)) {
		name, mask, _ := strings.Cut(line, ":")
		if name != "SigPnd" && name != "ShdPnd" {
			continue
		}
		if pending, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64); err == nil && pending&(1<<(unix.SIGKILL-1)) != 0 {
			return true
		}
	}
	return false
}
