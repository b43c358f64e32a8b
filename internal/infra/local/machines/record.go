package machines

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/local/machines/disk"
)

// want is what a machine is meant to be.
type want string

const (
	wantRunning want = "running"
	wantStopped want = "stopped"
	wantGone    want = "gone"
)

// record is what is kept of a machine on disk, in recordFile.
type record struct {
	Machine  infra.Machine `json:"machine"`
	Want     want          `json:"want"`
	Flavor   infra.Flavor  `json:"flavor"`
	VolumeGB int           `json:"volume_gb"`
	// ExtraVolumes never change.
	ExtraVolumes []infra.ExtraVolume `json:"extra_volumes,omitempty"`
	PortIDs      []string            `json:"port_ids"`
	// UserData is kept until the first boot has brought it to the volume, and
	// the volume to the disk.
	UserData []byte `json:"user_data,omitempty"`
	// Tree is what the root was an overlay of at the first boot, and must stay.
	Tree string `json:"tree,omitempty"`
	// Booted tells that the machine once ran: its volume holds what is the tenant's.
	Booted bool `json:"booted"`
}

const recordFile = "machine.json"

// save writes the record in dir as a whole or not at all. It holds a secret
// until the first boot is done. durable waits until the disk has it.
func (r *record) save(dir string, durable bool) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, recordFile), raw, durable); err != nil {
		return fmt.Errorf("recording machine %s: %w", r.Machine.ID, err)
	}
	return nil
}

// writeFile replaces a file as a whole or not at all.
func writeFile(path string, content []byte, durable bool) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.partial")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if durable && err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if durable && err == nil {
		err = disk.Sync(filepath.Dir(path))
	}
	return err
}

// load reads all records below dir. Directories without a record are of
// machines whose creation or deletion was cut short, and are removed.
func load(dir string) (map[string]*entry, error) {
	dirs, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	entries := map[string]*entry{}
	for _, d := range dirs {
		path := filepath.Join(dir, d.Name(), recordFile)
		raw, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			if err := os.RemoveAll(filepath.Join(dir, d.Name())); err != nil {
				return nil, fmt.Errorf("removing the remains of machine %s: %w", d.Name(), err)
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		e := &entry{}
		if err := json.Unmarshal(raw, &e.record); err != nil {
			return nil, fmt.Errorf("the machine's record %s is damaged; restore it, or remove its directory to give the machine up: %w", path, err)
		}
		entries[d.Name()] = e
	}
	return entries, nil
}

// view gives the machine as the contract has it.
func (r *record) view() infra.Machine {
	m := r.Machine
	m.Addresses = slices.Clone(m.Addresses)
	return m
}

// setStatus notes a change of state; the caller saves.
func (r *record) setStatus(s infra.MachineStatus, fault string) {
	if r.Machine.Status == s && r.Machine.Fault == fault {
		return
	}
	r.Machine.Status, r.Machine.Fault = s, fault
	r.Machine.UpdatedAt = time.Now().UTC()
}
