package agent

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// runDir lies on a tmpfs: what is in it is of this boot of the machine.
const runDir = "/run/hanok"

// boot is what outlives the agent but not the machine: it lets an agent that
// replaced itself, or was started again, go on with the processes that run.
type boot struct {
	ID        string               `json:"id"`    // random, new at each start of the machine
	Epoch     string               `json:"epoch"` // kernel boot and start of the machine's PID 1
	Marks     map[string]time.Time `json:"marks"`
	Processes map[string]carried   `json:"processes"`

	// inherited are the processes of an earlier agent that run; it never changes.
	inherited map[string]carried

	path string
	mu   sync.Mutex
}

// carried is a process as one agent leaves it to the next.
type carried struct {
	PID         int       `json:"pid"`
	StartTime   uint64    `json:"start_time"` // tells it from a later process of the same pid
	Hash        string    `json:"hash"`
	Ready       bool      `json:"ready"`
	Restarts    int       `json:"restarts"`
	LastExit    string    `json:"last_exit,omitempty"`
	Since       time.Time `json:"since"`
	StopTimeout int       `json:"stop_timeout"`
}

// openBoot reads what an earlier agent of this boot left behind. Processes
// that have ended since are left out.
func openBoot(dir string) *boot {
	path := filepath.Join(dir, "boot.json")
	epoch := bootEpoch()
	b := &boot{}
	// Whatever is wrong with the file, the way out is the same: a new boot.
	if err := readJSON(path, b); err != nil || b.Epoch != epoch || b.ID == "" {
		var id [8]byte
		rand.Read(id[:]) // never fails
		b = &boot{ID: hex.EncodeToString(id[:]), Epoch: epoch}
	}
	b.path = path
	if b.Marks == nil {
		b.Marks = make(map[string]time.Time)
	}
	if b.Processes == nil {
		b.Processes = make(map[string]carried)
	}
	for name, c := range b.Processes {
		if stat, err := readProcStat(c.PID); err != nil || stat.startTime != c.StartTime {
			delete(b.Processes, name)
		}
	}
	b.inherited = maps.Clone(b.Processes)
	return b
}

// bootEpoch changes with each boot of the kernel, and with each start of the
// process namespace that we live in.
func bootEpoch() string {
	kernel, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	first, _ := readProcStat(1)
	return fmt.Sprintf("%.36s/%d", kernel, first.startTime)
}

func (b *boot) pids() []int {
	var pids []int
	for _, c := range b.inherited {
		pids = append(pids, c.PID)
	}
	return pids
}

// change alters the record and writes it; a tmpfs needs no fsync.
func (b *boot) change(f func()) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	return writeJSON(b.path, b, 0o600)
}

// mark records the first time that something happened in this boot, and
// tells whether this was it.
func (b *boot) mark(name string, at time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.Marks[name]; known {
		return false
	}
	b.Marks[name] = at.UTC()
	return true
}
