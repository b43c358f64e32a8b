package embedded

import (
	"fmt"
	"testing"

	"github.com/hanok/hanok/internal/infra"
)

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	c := newTokenCache(newClock().now)
	for n := range 3 * cacheSize {
		c.put(fmt.Sprint(n), infra.Token{}, 0)
		if len(c.entries) > cacheSize {
			t.Fatalf("%d entries after %d, the bound is %d", len(c.entries), n+1, cacheSize)
		}
	}
	if len(c.entries) < cacheSize/2 {
		t.Errorf("only %d entries are left", len(c.entries))
	}
}

func TestCacheForgetsInTime(t *testing.T) {
	t.Parallel()
	clock := newClock()
	c := newTokenCache(clock.now)
	c.put("a", infra.Token{UserID: "u"}, 0)
	if got, _, ok := c.get("a"); !ok || got.UserID != "u" {
		t.Errorf("get = %+v, %v", got, ok)
	}
	clock.add(cacheLife)
	if _, _, ok := c.get("a"); ok {
		t.Error("a stale entry was given")
	}
}

// TestCacheRefusesWhatWasReadBeforeAClear: a revocation between the look at
// the store and the put must not be undone by the put.
func TestCacheRefusesWhatWasReadBeforeAClear(t *testing.T) {
	t.Parallel()
	c := newTokenCache(newClock().now)
	_, generation, _ := c.get("a")
	c.clear()
	c.put("a", infra.Token{}, generation)
	if _, _, ok := c.get("a"); ok {
		t.Error("an entry outlived the revocation")
	}
}
