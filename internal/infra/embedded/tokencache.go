package embedded

import (
	"sync"
	"time"

	"github.com/hanok/hanok/internal/infra"
)

// The cache's bounds. cacheLife bounds how long a change that was made by
// another process (a role taken away, a user disabled) stays unnoticed.
const (
	cacheSize = 4096
	cacheLife = 3 * time.Second
)

// tokenCache keeps validated tokens by hash, without the secrets.
type tokenCache struct {
	now func() time.Time

	mu         sync.RWMutex
	entries    map[string]cacheEntry
	generation uint64 // raised by each clear
}

type cacheEntry struct {
	token infra.Token
	until time.Time
}

func newTokenCache(now func() time.Time) *tokenCache {
	return &tokenCache{now: now, entries: map[string]cacheEntry{}}
}

// get gives the entry, and the generation to give to put after a miss.
func (c *tokenCache) get(hash string) (infra.Token, uint64, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.entries[hash]
	if !ok || !c.now().Before(e.until) {
		return infra.Token{}, c.generation, false
	}
	return e.token, c.generation, true
}

// put keeps what was read from the store after the get that gave generation,
// unless the cache was cleared since: then it may have been read before the
// change that the clearing was for.
func (c *tokenCache) put(hash string, token infra.Token, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != generation {
		return
	}
	if len(c.entries) >= cacheSize {
		c.shrink()
	}
	c.entries[hash] = cacheEntry{token: token, until: c.now().Add(cacheLife)}
}

// clear forgets everything: changes are rare, and few tokens are in use.
func (c *tokenCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	clear(c.entries)
}

// shrink drops what is stale, or else half of it in no order.
func (c *tokenCache) shrink() {
	now := c.now()
	for hash, e := range c.entries {
		if !now.Before(e.until) {
			delete(c.entries, hash)
		}
	}
	for hash := range c.entries {
		if len(c.entries) <= cacheSize/2 {
			return
		}
		delete(c.entries, hash)
	}
}
