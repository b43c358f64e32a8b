package agent

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// testAPIServer lists and watches nodes.
type testAPIServer struct {
	mu       sync.Mutex
	version  int
	nodes    map[string]string // name to the JSON of the rest
	watchers []chan string
	lists    int
}

func testNode(name, podCIDR, address string) string {
	return fmt.Sprintf(`{"metadata":{"name":%q},"spec":{"podCIDR":%q},"status":{"addresses":[{"type":"Hostname","address":%q},{"type":"InternalIP","address":%q}]}}`, name, podCIDR, name, address)
}

func (s *testAPIServer) set(name, object string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := "ADDED"
	if _, known := s.nodes[name]; known {
		kind = "MODIFIED"
	}
	s.nodes[name] = object
	s.send(kind, object)
}

func (s *testAPIServer) remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	object := s.nodes[name]
	delete(s.nodes, name)
	s.send("DELETED", object)
}

func (s *testAPIServer) send(kind, object string) {
	s.version++
	for _, w := range s.watchers {
		w <- fmt.Sprintf(`{"type":%q,"object":%s}`, kind, object)
	}
}

// hangUp ends all watches.
func (s *testAPIServer) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.watchers {
		close(w)
	}
	s.watchers = nil
}

func (s *testAPIServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/api/v1/nodes" {
		http.NotFound(w, r)
		return
	}
	if r.URL.Query().Get("watch") == "" {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lists++
		var items []string
		for _, object := range s.nodes {
			items = append(items, object)
		}
		slices.Sort(items)
		// Two pages, to see that the second is asked for.
		next, half := "", len(items)/2
		if r.URL.Query().Get("continue") == "" && half > 0 {
			items, next = items[:half], "rest"
		} else if half > 0 {
			items = items[half:]
		}
		fmt.Fprintf(w, `{"metadata":{"resourceVersion":"%d","continue":%q},"items":[%s]}`, s.version, next, strings.Join(items, ","))
		return
	}
	events := make(chan string, 100)
	s.mu.Lock()
	if r.URL.Query().Get("resourceVersion") != fmt.Sprint(s.version) {
		s.mu.Unlock()
		fmt.Fprint(w, `{"type":"ERROR","object":{"code":410,"reason":"Expired"}}`)
		return
	}
	s.watchers = append(s.watchers, events)
	s.mu.Unlock()
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	for {
		select {
		case e, ok := <-events:
			if !ok {
				return
			}
			fmt.Fprintln(w, e)
			w.(http.Flusher).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

func (s *testAPIServer) watching() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.watchers) > 0
}
