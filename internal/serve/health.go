package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// readiness tells whether the service can do its work: the store takes
// writes and the driver answers. An answer is reused for a second, so that
// probes cost little however many there are.
type readiness struct {
	store  store.Store
	driver infra.Driver

	mu      sync.Mutex
	checked time.Time
	last    map[string]string
}

const (
	readinessAge     = time.Second
	readinessTimeout = 5 * time.Second
)

// check gives what is wrong, by part; nothing is wrong with an empty value.
func (r *readiness) check(ctx context.Context) map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.checked) < readinessAge {
		return r.last
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readinessTimeout)
	defer cancel()
	r.last = map[string]string{
		"store":  reason(r.writable(ctx)),
		"driver": reason(r.answers(ctx)),
	}
	r.checked = time.Now()
	return r.last
}

func (r *readiness) writable(ctx context.Context) error {
	return r.store.Update(ctx, func(tx store.Tx) error {
		return tx.PutDocument(store.Document{Kind: "readiness", ID: "probe", Name: "probe", Body: []byte("{}"), CreatedAt: time.Now()})
	})
}

func (r *readiness) answers(ctx context.Context) error {
	_, err := r.driver.Capacity(ctx)
	return err
}

func reason(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// ServeHTTP answers /readyz: 200, or 503 with what is wrong.
func (r *readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	status, parts := http.StatusOK, map[string]string{}
	for part, wrong := range r.check(req.Context()) {
		parts[part] = "ok"
		if wrong != "" {
			parts[part] = wrong
			status = http.StatusServiceUnavailable
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(parts) // the prober has gone: nobody to tell
}

// alive answers /healthz: the process serves requests.
func alive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "ok")
}
