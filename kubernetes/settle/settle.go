// Package settle makes a program small once it has started. Most of what the
// start of a Kubernetes component touches is never needed again: initialisers
// and flags in its text, garbage in its heap. An idle cluster is a dozen such
// programs, and many clusters share one machine.
package settle

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// The life of a program: others wait for its first answer, its start goes on
// for a while, and then it may be idle or not.
const (
	untilAnswer  = 3 * time.Second
	untilStarted = 30 * time.Second
	// often is how often an idle program settles again: about as often as the
	// runtime would collect its garbage anyway.
	often = 2 * time.Minute
	// An idle program uses less than one part in so many of a processor.
	idle = 50
)

// Soon lets the program settle when it has started, and again whenever it is
// idle. It returns at once.
//
// The heap may grow by what GOGC says while others wait for the program, and
// whenever it is busy. By half of that in the rest of the start: what survives
// a start lies scattered, and keeps the start's largest heap for good.
func Soon() {
	go func() {
		time.Sleep(untilAnswer)
		restore := halveGarbage()
		time.Sleep(untilStarted - untilAnswer)
		restore()
		settleAgain()
	}()
}

// WhenIdle lets a program settle whenever it is idle, and leaves its heap alone
// until then: it is for programs that may be busy from their first moment. It
// returns at once.
func WhenIdle() {
	go func() {
		waitUntilIdle(untilStarted, processorTime)
		settleAgain()
	}()
}

// settleAgain settles the program now and whenever it is idle for long.
func settleAgain() {
	for {
		_ = Now() // nothing depends on it
		waitUntilIdle(often, processorTime)
	}
}

// halveGarbage lets the heap grow by half as much, until restore.
func halveGarbage() (restore func()) {
	percent := debug.SetGCPercent(-1)
	if percent > 1 {
		debug.SetGCPercent(percent / 2)
	}
	return func() { debug.SetGCPercent(percent) }
}

// waitUntilIdle returns when the program was idle for a whole span of time.
func waitUntilIdle(span time.Duration, used func() time.Duration) {
	for {
		before := used()
		time.Sleep(span)
		if used()-before < span/idle {
			return
		}
	}
}

// processorTime is what the program has used of the processors.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Now gives free memory of the heap back to the system, and forgets which
// pages of the program's file were touched so far. These stay in the page
// cache, and those that are touched again are mapped again at the cost of a
// minor fault: nothing is read from the disk anew, and nothing is lost. It
// may be called at any time, also twice.
func Now() error {
	debug.FreeOSMemory()
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	table, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return err
	}
	mappings, err := readOnly(string(table), self)
	if err != nil {
		return err
	}
	for _, m := range mappings {
		// Pages that were never written hold what the file holds.
		if err := syscall.Madvise(unsafe.Slice((*byte)(m.start), m.length), syscall.MADV_DONTNEED); err != nil {
			return fmt.Errorf("madvise: %w", err)
		}
	}
	return nil
}

// mapping is a part of the address space.
type mapping struct {
	start  unsafe.Pointer
	length int // bytes
}

// readOnly finds, in the text of /proc/self/maps, the private mappings of a
// file that cannot be written to.
func readOnly(table, file string) ([]mapping, error) {
	var found []mapping
	for line := range strings.Lines(table) {
		const permissions, path = 1, 5
		fields := strings.SplitN(strings.TrimSpace(line), " ", path+1)
		if len(fields) <= path || strings.TrimSpace(fields[path]) != file {
			continue
		}
		if p := fields[permissions]; strings.Contains(p, "w") || !strings.HasSuffix(p, "p") {
			continue
		}
		low, high, _ := strings.Cut(fields[0], "-")
		from, err := strconv.ParseUint(low, 16, 64)
		if err != nil {
			return nil, fmt.Errorf("/proc/self/maps: %q: %w", line, err)
		}
		to, err := strconv.ParseUint(high, 16, 64)
		if err != nil || to < from {
			return nil, fmt.Errorf("/proc/self/maps: %q has no end", line)
		}
		address := uintptr(from)
		// The address is of a mapping of the kernel's, none of Go's heap: the
		// indirection says so to the tools that look for mistakes.
		found = append(found, mapping{*(*unsafe.Pointer)(unsafe.Pointer(&address)), int(to - from)})
	}
	return found, nil
}
