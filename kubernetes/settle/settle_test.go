package settle

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestReadOnly(t *testing.T) {
	t.Parallel()
	const table = `00400000-00401000 r-xp 00000000 fe:00 7                          /opt/a program
00401000-00404000 r--p 00001000 fe:00 7                          /opt/a program
00404000-00405000 rw-p 00004000 fe:00 7                          /opt/a program
00405000-00406000 r--s 00004000 fe:00 7                          /opt/a program
00406000-00407000 r-xp 00000000 fe:00 8                          /opt/another
c000000000-c000400000 rw-p 00000000 00:00 0
7ffd1000-7ffd2000 r-xp 00000000 00:00 0                          [vdso]
`
	got, err := readOnly(table, "/opt/a program")
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || uintptr(got[0].start) != 0x400000 || got[0].length != 0x1000 ||
		uintptr(got[1].start) != 0x401000 || got[1].length != 0x3000 {
		t.Errorf("mappings = %+v", got)
	}
	if _, err := readOnly("x-1 r-xp 0 0 0 /opt/x\n", "/opt/x"); err == nil {
		t.Error("an address that is no number gives no error")
	}
}

// TestNow needs no other process: what it forgets is this test's own text.
func TestNow(t *testing.T) {
	before := residentFile(t)
	if err := Now(); err != nil {
		t.Fatal(err)
	}
	if after := residentFile(t); after >= before {
		t.Errorf("%d KiB of files were mapped before and %d KiB after", before, after)
	}
	if err := Now(); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestHalveGarbage(t *testing.T) {
	before := debug.SetGCPercent(50)
	defer debug.SetGCPercent(before)
	restore := halveGarbage()
	if got := debug.SetGCPercent(25); got != 25 {
		t.Errorf("half of 50 is %d", got)
	}
	restore()
	if got := debug.SetGCPercent(-1); got != 50 {
		t.Errorf("restored to %d", got)
	}
	halveGarbage()()
	if got := debug.SetGCPercent(50); got != -1 {
		t.Errorf("a collector that is off is at %d", got)
	}
}

func TestWaitUntilIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// What is used up to each look: busy, just busy, idle.
		const limit = time.Minute / idle
		uses := []time.Duration{0, 5 * time.Second, 5 * time.Second, 5*time.Second + limit, 9 * time.Second, 9*time.Second + limit - 1}
		begun := time.Now()
		waitUntilIdle(time.Minute, func() time.Duration {
			u := uses[0]
			uses = uses[1:]
			return u
		})
		if took := time.Since(begun); took != 3*time.Minute || len(uses) != 0 {
			t.Errorf("waited for %v, with %d looks left", took, len(uses))
		}
	})
}

func TestProcessorTimeGrows(t *testing.T) {
	t.Parallel()
	before := processorTime()
	for deadline := time.Now().Add(10 * time.Second); processorTime() <= before; {
		if time.Now().After(deadline) {
			t.Fatalf("it stays at %v", before)
		}
	}
}

// residentFile is how much of files is mapped in memory, in KiB.
func residentFile(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssFile:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib
}
