package machines

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra/local/machines/disk"
	"github.com/hanok/hanok/internal/machine/seed"
)

// seedPatience is how long after its creation a machine may be about to link
// to a build that it has chosen. It takes milliseconds.
const seedPatience = 10 * time.Minute

// BuildUsers tells which builds of bundles the machines of an installation
// use, as bundle.Users has it. It goes by the records and the mounted volumes,
// so it needs no service, and starts nothing.
func BuildUsers(inst, stateDir string, latest time.Time) (map[string][]string, error) {
	files, err := filepath.Glob(filepath.Join(stateDir, "machines", "*", recordFile))
	if err != nil {
		return nil, err
	}
	users := map[string][]string{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted at this moment
		}
		if err != nil {
			return nil, err
		}
		var r record
		if err := json.Unmarshal(raw, &r); err != nil {
			return nil, fmt.Errorf("the machine's record %s is damaged: %w", file, err)
		}
		id := filepath.Base(filepath.Dir(file))
		volume := filepath.Join(runDir(inst), "machines", id, "volume")
		mounted, err := disk.Mounted(volume)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("machine %s of %s", r.Machine.Name, inst)
		from, seeded := seed.From(filepath.Join(volume, "containerd"))
		switch {
		case mounted && seeded:
			build := filepath.Base(from)
			users[build] = append(users[build], name)
		case r.Machine.CreatedAt.After(latest), r.Machine.Role == hanok.RoleMaster:
			// It finds the latest, or has no containerd at all.
		case !mounted:
			users[""] = append(users[""], name+", which is off")
		case time.Since(r.Machine.CreatedAt) < seedPatience:
			users[""] = append(users[""], name+", which has only begun")
		}
	}
	return users, nil
}

// BuildProcesses tells which builds of bundles in a cache processes of this
// host run out of, whoever's they are.
func BuildProcesses() (map[string][]string, error) {
	programs, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		return nil, err
	}
	users := map[string][]string{}
	for _, p := range programs {
		target, err := os.Readlink(p)
		if err != nil {
			continue // it has ended, or is the kernel's
		}
		_, path, ok := strings.Cut(target, "/.builds/")
		if !ok {
			_, path, ok = strings.Cut(target, "/replaced/")
		}
		if !ok {
			continue
		}
		build, _, _ := strings.Cut(path, "/")
		users[build] = append(users[build], fmt.Sprintf("process %s (%s)", filepath.Base(filepath.Dir(p)), filepath.Base(path)))
	}
	return users, nil
}
