package embedded

import (
	"sync"
	"time"
)

// failures counts wrong passwords per user and address: a burst is allowed,
// then one try in each interval.
type failures struct {
	burst    int
	interval time.Duration
	max      int // bound on the number of counters
	now      func() time.Time

	mu       sync.Mutex
	counters map[string]counter
}

type counter struct {
	used  float64 // failures that still count
	since time.Time
}

func newFailures(now func() time.Time) *failures {
	return &failures{burst: 10, interval: 6 * time.Second, max: 10_000, now: now, counters: map[string]counter{}}
}

// allowed tells whether another try may be made, and if not, when.
func (f *failures) allowed(key string) (wait time.Duration, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.decayed(key)
	if over := c.used - float64(f.burst-1); over > 0 {
		return time.Duration(over * float64(f.interval)), false
	}
	return 0, true
}

// failed counts a failure.
func (f *failures) failed(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.decayed(key)
	c.used++
	if _, known := f.counters[key]; !known && len(f.counters) >= f.max {
		f.makeRoom()
	}
	f.counters[key] = c
}

// succeeded forgets the failures.
func (f *failures) succeeded(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.counters, key)
}

func (f *failures) decayed(key string) counter {
	now := f.now()
	c := f.counters[key]
	c.used = max(0, c.used-float64(now.Sub(c.since))/float64(f.interval))
	c.since = now
	return c
}

// makeRoom drops the counters that no longer count, or else the oldest one.
func (f *failures) makeRoom() {
	oldest := ""
	for key, c := range f.counters {
		if f.decayed(key).used == 0 {
			delete(f.counters, key)
		} else if oldest == "" || c.since.Before(f.counters[oldest].since) {
			oldest = key
		}
	}
	if len(f.counters) >= f.max {
		delete(f.counters, oldest)
	}
}
