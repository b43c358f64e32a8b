package machines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// initProcess is the PID 1 of a machine as the host sees it. The start time
// tells it from a later process with the same number.
type initProcess struct {
	pid   int
	start uint64 // clock ticks since the host's boot
}

// alive tells whether the process still runs. One that has ended and only
// waits to be reaped does not.
func (p initProcess) alive() bool {
	start, state, err := stat(p.pid)
	return err == nil && start == p.start && state != 'Z' && state != 'X'
}

// catches tells whether the process has a handler for a signal.
func (p initProcess) catches(s unix.Signal) bool {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/status")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(raw)) {
		if mask, ok := strings.CutPrefix(line, "SigCgt:"); ok {
			caught, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
			return err == nil && caught&(1<<(s-1)) != 0
		}
	}
	return false
}

// signal sends a signal to this very process; success when it has ended.
func (p initProcess) signal(s unix.Signal) error {
	fd, err := p.open()
	if err != nil || fd < 0 {
		return err
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, s, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("signal %v to process %d: %w", s, p.pid, err)
	}
	return nil
}

// wait returns when the process has ended, with nil, or ctx has.
func (p initProcess) wait(ctx context.Context) error {
	fd, err := p.open()
	if err != nil || fd < 0 {
		return err
	}
	// The file joins the runtime's poller: waiting costs a goroutine, no thread.
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	stop := context.AfterFunc(ctx, func() { f.Close() })
	defer stop()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	err = raw.Read(func(fd uintptr) bool {
		ended := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(ended, 0)
		return err == nil && n > 0
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// open gives a pidfd, or -1 when the process has ended.
func (p initProcess) open() (int, error) {
	fd, err := unix.PidfdOpen(p.pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) || err == nil && !p.alive() {
		if err == nil {
			unix.Close(fd)
		}
		return -1, nil
	}
	if err != nil {
		return -1, fmt.Errorf("watching process %d: %w", p.pid, err)
	}
	return fd, nil
}

// stat reads a process's start time and state.
func stat(pid int) (start uint64, state byte, err error) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0, err
	}
	// The name in parentheses may hold anything; what follows its end does not.
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	const stateField, startField = 0, 19
	if len(fields) <= startField {
		return 0, 0, fmt.Errorf("/proc/%d/stat is cut short", pid)
	}
	start, err = strconv.ParseUint(fields[startField], 10, 64)
	return start, fields[stateField][0], err
}
