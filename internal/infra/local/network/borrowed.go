package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// borrowed is what installations changed in the host's settings, with the
// values before the first of them came. The last one to leave puts them back.
type borrowed struct {
	Holders []string          `json:"holders"`
	Old     map[string]string `json:"old"`
}

// hostSettings are what a host needs to forward. Switching ip_forward also
// resets accept_redirects and every interface's forwarding, so these are
// remembered with it.
const hostForward = "ipv4/ip_forward"

func (s site) borrowedPath() string { return filepath.Join(s.run, "network-settings.json") }

func (s site) readBorrowed() (borrowed, error) {
	b := borrowed{Old: map[string]string{}}
	raw, err := os.ReadFile(s.borrowedPath())
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &b)
	}
	if err != nil {
		return b, fmt.Errorf("read the host's former settings from %s: %w", s.borrowedPath(), err)
	}
	return b, nil
}

func (s site) writeBorrowed(b borrowed) error {
	raw, err := json.Marshal(b)
	if err == nil {
		err = writeDurably(s.borrowedPath(), raw)
	}
	if err != nil {
		return fmt.Errorf("note the host's former settings: %w", err)
	}
	return nil
}

// borrowHost switches the host to forwarding and notes who needs it and how
// it was. The caller holds the lock.
func (s site) borrowHost(inst string) error {
	b, err := s.readBorrowed()
	if err != nil {
		return err
	}
	before := len(b.Holders)
	if !slices.Contains(b.Holders, inst) {
		b.Holders = append(b.Holders, inst)
	}
	return inNamespace(s.host, func() error {
		now, err := readSetting(hostForward)
		if err != nil {
			return fmt.Errorf("read the host's forwarding setting: %w", err)
		}
		if now != "1" {
			for _, path := range forwardingSettings() {
				if v, err := readSetting(path); err == nil {
					b.Old[path] = v
				}
			}
		}
		if now != "1" || len(b.Holders) != before {
			if err := s.writeBorrowed(b); err != nil {
				return err
			}
		}
		return apply([]setting{{path: hostForward, value: "1"}})
	})
}

// forwardingSettings lists what switching ip_forward changes, ip_forward first.
func forwardingSettings() []string {
	list := []string{hostForward, "ipv4/conf/all/accept_redirects"}
	interfaces, _ := filepath.Glob("/proc/sys/net/ipv4/conf/*/forwarding")
	for _, path := range interfaces {
		rel, _ := filepath.Rel("/proc/sys/net", path)
		list = append(list, rel)
	}
	return list
}

// returnHost takes the installation from the holders; the last one restores
// the host. The caller holds the lock.
func (s site) returnHost(inst string) error {
	b, err := s.readBorrowed()
	if err != nil {
		return err
	}
	b.Holders = slices.DeleteFunc(b.Holders, func(h string) bool { return h == inst })
	if len(b.Holders) > 0 {
		return s.writeBorrowed(b)
	}
	if len(b.Old) > 0 {
		if err := inNamespace(s.host, func() error { return restoreForwarding(b.Old) }); err != nil {
			return err
		}
	}
	if err := os.Remove(s.borrowedPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget the host's former settings: %w", err)
	}
	return nil
}

// restoreForwarding writes ip_forward before what it resets. Interfaces may
// have gone meanwhile.
func restoreForwarding(old map[string]string) error {
	if v, ok := old[hostForward]; ok {
		if err := writeSetting(hostForward, v); err != nil {
			return fmt.Errorf("restore the host's forwarding setting to %s: %w", v, err)
		}
	}
	for path, v := range old {
		if now, err := readSetting(path); path == hostForward || err != nil || now == v {
			continue
		}
		if err := writeSetting(path, v); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("restore the host's setting net/%s to %s: %w", path, v, err)
		}
	}
	return nil
}
