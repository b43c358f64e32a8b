package harness

import (
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sys/unix"
)

// Disk is promised to machines in full, so that tests beside each other could
// refuse each other's volumes: each takes its share of what is free, and waits
// until there is one.
const (
	shareGiB = 20 // a control plane and three nodes, with the smallest volumes
	spareGiB = 3  // for logs, images and what else is on the disk
)

// shares is the disk that is free when the first test asks.
var shares = sync.OnceValues(func() (s *semaphore.Weighted, total int64) {
	var st unix.Statfs_t
	if err := unix.Statfs(os.TempDir(), &st); err == nil {
		total = int64(st.Bavail)*st.Bsize>>30 - spareGiB
	}
	// A test alone begins however little there is, and is told by the numbers.
	total = max(total, shareGiB)
	return semaphore.NewWeighted(total), total
})

// holders are the tests that have a share.
var holders sync.Map

// takeDisk waits for a test's share of the disk, which is given back after
// everything that the test cleans up from here on. A test that has one, for a
// service that it started before, is given no other: two such tests would wait
// for each other. Nor may it have parallel subtests beside other tests of
// services: those wait for a turn that may be held by one that waits here.
func takeDisk(t *testing.T) {
	t.Helper()
	test, _, _ := strings.Cut(t.Name(), "/")
	if _, has := holders.LoadOrStore(test, true); has {
		return
	}
	s, total := shares()
	if total < 2*shareGiB {
		t.Logf("%d GiB are free for machines: tests of clusters run one after the other", total)
	}
	if err := s.Acquire(t.Context(), shareGiB); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		holders.Delete(test)
		s.Release(shareGiB)
	})
}
