package api

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
)

// served runs one request through a server of small handlers, and gives the
// answer and the access log's lines.
func served(t *testing.T, c Config, r *http.Request) (*httptest.ResponseRecorder, []map[string]any) {
	t.Helper()
	var log bytes.Buffer
	c.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w := httptest.NewRecorder()
	NewServer(c).ServeHTTP(w, r)
	var lines []map[string]any
	for _, line := range strings.Split(strings.TrimSpace(log.String()), "\n") {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		lines = append(lines, m)
	}
	return w, lines
}

func says(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(text + " " + r.URL.Path))
	})
}

func TestServicesByPrefix(t *testing.T) {
	t.Parallel()
	c := Config{
		Magnum: says("magnum"), Services: map[string]http.Handler{"/identity": says("identity"), "volume/": says("volume")},
		Health: says("healthy"), Metrics: says("metrics"),
	}
	for path, want := range map[string]string{
		"/": "magnum /", "/v1/clusters": "magnum /v1/clusters", "/identity": "identity /identity", "/identity/v3/": "identity /identity/v3/",
		"/volume/v3/p/types": "volume /volume/v3/p/types", "/healthz": "healthy /healthz", "/metrics": "metrics /metrics",
		"/readyz": "magnum /readyz", "/identityx": "magnum /identityx",
	} {
		w, log := served(t, c, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Body.String() != want {
			t.Errorf("%s: %q, want %q", path, w.Body, want)
		}
		id := w.Header().Get("X-OpenStack-Request-Id")
		if !strings.HasPrefix(id, "req-") || len(log) != 1 || log[0]["request_id"] != id || log[0]["path"] != path || log[0]["status"] != 200.0 {
			t.Errorf("%s: id %q, log %v", path, id, log)
		}
	}
}

func TestPanicIsA500AndTheServiceLives(t *testing.T) {
	t.Parallel()
	c := Config{Magnum: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret trouble") })}
	w, log := served(t, c, httptest.NewRequest(http.MethodGet, "/v1", nil))
	if w.Code != 500 || strings.Contains(w.Body.String(), "secret") || !strings.Contains(w.Body.String(), w.Header().Get("X-OpenStack-Request-Id")) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if len(log) != 1 || log[0]["level"] != "ERROR" || !strings.Contains(log[0]["error"].(string), "secret trouble") || !strings.Contains(log[0]["error"].(string), "server_test.go") {
		t.Errorf("log %v", log)
	}
}

func TestPanicAfterTheAnswerSendsNoSecondStatus(t *testing.T) {
	t.Parallel()
	c := Config{Magnum: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		panic("late")
	})}
	w, log := served(t, c, httptest.NewRequest(http.MethodGet, "/v1", nil))
	if w.Code != 202 || len(log) != 1 {
		t.Errorf("%d, log %v", w.Code, log)
	}
}

func TestAccessLogHasNoSecrets(t *testing.T) {
	t.Parallel()
	c := Config{Magnum: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		respond.SetCaller(r.Context(), "u1", "p1")
		respond.Error(w, r, respond.Magnum, hanok.Invalid("name", "is missing"))
	}), Services: map[string]http.Handler{"/identity": http.NotFoundHandler()}}
	r := httptest.NewRequest(http.MethodPost, "/v1/clusters?token=hunter2", strings.NewReader(`{"password":"hunter2"}`))
	r.Header.Set("X-Auth-Token", "hunter2")
	_, log := served(t, c, r)
	line, _ := json.Marshal(log)
	if strings.Contains(string(line), "hunter2") {
		t.Errorf("log %s", line)
	}
	if log[0]["user"] != "u1" || log[0]["project"] != "p1" || log[0]["error"] != "name: is missing" || log[0]["level"] != "INFO" {
		t.Errorf("log %s", line)
	}
	_, log = served(t, c, httptest.NewRequest(http.MethodDelete, "/identity/v2.0/tokens/hunter2", nil))
	if line, _ := json.Marshal(log); strings.Contains(string(line), "hunter2") {
		t.Errorf("log %s", line)
	}
}

func TestObserve(t *testing.T) {
	t.Parallel()
	var got []string
	c := Config{Magnum: http.NotFoundHandler(), Observe: func(service, method string, status int, took time.Duration) {
		got = append(got, service, method, http.StatusText(status))
		if took < 0 {
			t.Errorf("took %s", took)
		}
	}}
	served(t, c, httptest.NewRequest(http.MethodGet, "/nothing", nil))
	if strings.Join(got, " ") != "container-infra GET Not Found" {
		t.Errorf("observed %v", got)
	}
}

func TestUploadsMayMoveTheirDeadlines(t *testing.T) {
	t.Parallel()
	moved := make(chan error, 1)
	server := httptest.NewServer(NewServer(Config{Log: slog.New(slog.DiscardHandler), Magnum: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		moved <- http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Hour))
	})}))
	defer server.Close()
	res, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if err := <-moved; err != nil {
		t.Errorf("the access log hides the connection: %v", err)
	}
}
