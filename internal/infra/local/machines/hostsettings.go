package machines

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// minimums are settings of the whole host that a few machines outgrow, and
// what they are raised to where they are lower. Every container runtime and
// kubelet takes instances and watches of inotify.
var minimums = map[string]int{
	"fs/inotify/max_user_instances": 8192,
	"fs/inotify/max_user_watches":   524288,
	"kernel/keys/maxkeys":           20000,
	"kernel/keys/maxbytes":          2000000,
}

// hostSettings is kept in runRoot, which forgets it together with the
// settings themselves when the host reboots.
type hostSettings struct {
	// Original is what a setting was before the first installation raised it.
	Original map[string]string `json:"original"`
	// Users are the installations that count on the settings.
	Users []string `json:"users"`
}

const hostSettingsFile = "host-settings.json"

// raiseHostSettings raises the settings for an installation, which may count
// on them until it calls restoreHostSettings. What cannot be raised is logged.
func raiseHostSettings(inst string, log *slog.Logger) error {
	return withHostSettings(func(s *hostSettings) {
		for name, least := range minimums {
			path := filepath.Join("/proc/sys", name)
			raw, err := os.ReadFile(path)
			if err != nil {
				continue // this kernel has no such setting
			}
			now := strings.TrimSpace(string(raw))
			if n, err := strconv.Atoi(now); err != nil || n >= least {
				continue
			}
			if err := os.WriteFile(path, []byte(strconv.Itoa(least)), 0); err != nil {
				log.Warn("a setting of the host is low and cannot be raised; many machines will not fit", "setting", name, "value", now, "error", err)
				continue
			}
			if _, known := s.Original[name]; !known {
				s.Original[name] = now
			}
			log.Info("raised a setting of the host", "setting", name, "from", now, "to", least)
		}
		if !slices.Contains(s.Users, inst) {
			s.Users = append(s.Users, inst)
		}
	})
}

// restoreHostSettings takes back what was raised once no installation counts
// on it any more. What somebody else changed meanwhile stays as it is.
func restoreHostSettings(inst string) error {
	if _, err := os.Stat(filepath.Join(runRoot, hostSettingsFile)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var failed error
	err := withHostSettings(func(s *hostSettings) {
		s.Users = slices.DeleteFunc(s.Users, func(u string) bool { return u == inst })
		if len(s.Users) > 0 {
			return
		}
		for name, original := range s.Original {
			path := filepath.Join("/proc/sys", name)
			raw, err := os.ReadFile(path)
			if err == nil && strings.TrimSpace(string(raw)) == strconv.Itoa(minimums[name]) {
				err = os.WriteFile(path, []byte(original), 0)
			}
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("restoring %s to %s: %w", name, original, err))
				continue
			}
			delete(s.Original, name)
		}
	})
	return errors.Join(err, failed)
}

// hostSettingsUsers lists the installations that count on the settings.
func hostSettingsUsers() []string {
	raw, err := os.ReadFile(filepath.Join(runRoot, hostSettingsFile))
	if err != nil {
		return nil
	}
	var s hostSettings
	if json.Unmarshal(raw, &s) != nil {
		return nil
	}
	return s.Users
}

// withHostSettings changes the record of the settings, one process at a time,
// and removes it when nothing is left in it.
func withHostSettings(change func(*hostSettings)) error {
	unlock, err := lockHost()
	if err != nil {
		return err
	}
	defer unlock()
	path := filepath.Join(runRoot, hostSettingsFile)
	s := &hostSettings{}
	if raw, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(raw, s); err != nil {
			return fmt.Errorf("%s is damaged; it records the host's settings of before: check %v by hand, then remove it: %w", path, minimums, err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if s.Original == nil {
		s.Original = map[string]string{}
	}
	change(s)
	if len(s.Users) == 0 && len(s.Original) == 0 {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return writeFile(path, raw, false)
}

// lockHost keeps the other installations' processes out of what all share in
// runRoot until unlock is called. It is not to be taken twice.
func lockHost() (unlock func(), err error) {
	for {
		// The last installation may leave at any moment, with the directory:
		// what was there for mkdir is gone for a look at it then.
		if err := os.MkdirAll(runRoot, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		dir, err := os.Open(runRoot)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil {
			dir.Close()
			return nil, fmt.Errorf("locking %s: %w", runRoot, err)
		}
		mine, err := dir.Stat()
		if there, statErr := os.Stat(runRoot); err == nil && statErr == nil && os.SameFile(mine, there) {
			return func() { dir.Close() }, nil
		}
		dir.Close()
		if err != nil {
			return nil, err
		}
	}
}
