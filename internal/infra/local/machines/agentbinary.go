package machines

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

// binaryID tells one content of a program file from another without reading it.
type binaryID struct {
	Path  string    `json:"path"`
	Inode uint64    `json:"inode"`
	Size  int64     `json:"size"`
	MTime time.Time `json:"mtime"`
}

// installAgent puts the agent's program into dir, which machines mount.
// Replacing the service's program then touches no machine; a newer service
// puts another file there, which running agents see under the same path and
// may go over to.
func installAgent(dir, program string) error {
	target := filepath.Join(dir, filepath.Base(machine.AgentBinary))
	source, err := os.Open(program)
	if err != nil {
		return fmt.Errorf("the agent's program: %w", err)
	}
	defer source.Close()
	st, err := source.Stat()
	if err != nil {
		return err
	}
	want := binaryID{Path: program, Size: st.Size(), MTime: st.ModTime()}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		want.Inode = sys.Ino
	}
	note := filepath.Join(dir, "installed.json")
	if raw, err := os.ReadFile(note); err == nil {
		var have binaryID
		copied, err := os.Stat(target)
		if err == nil && json.Unmarshal(raw, &have) == nil && have.same(want) && copied.Size() == want.Size {
			return nil
		}
	}
	if err := os.Remove(note); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := place(source, target); err != nil {
		return fmt.Errorf("installing the agent's program: %w", err)
	}
	raw, err := json.Marshal(want)
	if err != nil {
		return err
	}
	return writeFile(note, raw, false)
}

// place makes target the same file as source, so that agents and the service
// share memory: nobody can write to a program that runs. On another file
// system it is a copy.
func place(source *os.File, target string) error {
	partial := target + ".partial"
	if err := os.Remove(partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	defer os.Remove(partial)
	if os.Link(source.Name(), partial) == nil {
		return os.Rename(partial, target)
	}
	f, err := os.OpenFile(partial, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, source)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(partial, target)
}

func (b binaryID) same(o binaryID) bool {
	return b.Path == o.Path && b.Inode == o.Inode && b.Size == o.Size && b.MTime.Equal(o.MTime)
}
