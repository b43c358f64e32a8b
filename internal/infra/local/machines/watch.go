package machines

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hanok/hanok/internal/infra"
)

// endsForgiven is how many ends in a row that nobody asked for do not yet make
// a machine one in ERROR, which whoever waits for it takes as final.
const endsForgiven = 2

// ranWell is how long a machine must have run for its end to count as the first failure.
const ranWell = time.Minute

// watch waits for the end of a machine's PID 1, and starts the machine again
// where nobody asked for the end.
func (m *Manager) watch(e *entry, init *initProcess) {
	begin := time.Now()
	if err := init.wait(m.ctx); err != nil {
		return // the Manager is closed; the machine goes on
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.watching != init {
		return
	}
	e.watching = nil
	if e.record.Want != wantRunning {
		return
	}
	if e.busy { // the worker may have seen it run, just before
		e.again = true
		return
	}
	if time.Since(begin) > ranWell {
		e.failures = 0
	}
	id := e.record.Machine.ID
	fault := "the machine ended by itself and is being started again; the last line on its console: " + m.lastLine(id)
	m.log.Warn("machine ended by itself", "machine", id, "name", e.record.Machine.Name, "failures", e.failures)
	status := infra.MachineBuild // it is on its way, as far as anyone can tell
	if e.failures >= endsForgiven {
		status = infra.MachineError
	}
	e.record.setStatus(status, fault)
	m.saveStatus(e)
	m.retryLater(e)
}

// consoleFile is what PID 1 writes to, on the volume, and the file before it.
const consoleFile = "console.log"

func (m *Manager) consoleOf(id string) string {
	return filepath.Join(m.volumeDir(id), "log", consoleFile)
}

// lastLine gives the end of the machine's console while its volume is mounted.
func (m *Manager) lastLine(id string) string {
	const enough = 400
	// The machine's owner may have put anything in its place.
	f, err := os.OpenFile(m.consoleOf(id), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return "(none)"
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return "(none)"
	}
	if size, err := f.Seek(0, 2); err == nil {
		_, _ = f.Seek(max(0, size-enough), 0)
	}
	tail := make([]byte, enough)
	n, _ := f.Read(tail)
	tail = bytes.TrimSpace(tail[:n])
	if len(tail) == 0 {
		return "(none)"
	}
	return fmt.Sprintf("%q", tail[bytes.LastIndexByte(tail, '\n')+1:])
}
