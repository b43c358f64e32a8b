package network

import "sync"

// keyedMutex is a mutex per key. The zero value is ready.
type keyedMutex struct {
	mu   sync.Mutex
	held map[string]*waited
}

type waited struct {
	sync.Mutex
	users int
}

// lock waits for the key and gives the function that lets it go.
func (k *keyedMutex) lock(key string) (unlock func()) {
	k.mu.Lock()
	if k.held == nil {
		k.held = map[string]*waited{}
	}
	w := k.held[key]
	if w == nil {
		w = &waited{}
		k.held[key] = w
	}
	w.users++
	k.mu.Unlock()
	w.Lock()
	return func() {
		w.Unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		if w.users--; w.users == 0 {
			delete(k.held, key)
		}
	}
}
