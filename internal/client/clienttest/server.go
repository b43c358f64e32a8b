// Package clienttest is a small service that speaks the shapes of the API as
// the guides and recorded clients have them, for tests of clients. It keeps
// its clusters in memory, and a create or delete goes on by one step at each
// look at the cluster's events.
package clienttest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// The caller that the server knows.
const (
	Username = "admin"
	Password = "correct horse"
	Project  = "demo"
)

// CreateSteps is the progress that a create reports, one at each look.
var CreateSteps = []string{"1/3 machines: 0 of 2 run", "2/3 control plane: waiting for the API server", "3/3 nodes: 1 of 2 are Ready"}

// Server is the service. Its fields may be set before the first request.
type Server struct {
	URL string // of the identity service, for OS_AUTH_URL

	// FailCreate ends every create as CREATE_FAILED with this reason.
	FailCreate string
	// FailOperation ends every operation on a node group as FAIL, with this.
	FailOperation string
	// NoKeypair leaves the user without a key pair.
	NoKeypair bool
	// PageSize pages the list of clusters; 0 does not.
	PageSize int

	mu       sync.Mutex
	tokens   int // issued; the newest alone is valid
	clusters []*cluster
	created  [][]byte // bodies of create requests
	images   map[string]string
	requests []string // that changed node groups
	away     int      // requests left to answer with 503
	version  []string
}

type cluster struct {
	uuid, name, status, reason string
	step                       int
	operation                  *groupOperation
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	s := &Server{images: map[string]string{}}
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	s.URL = srv.URL + "/identity/v3"
	mux.HandleFunc("POST /identity/v3/auth/tokens", s.issue)
	mux.Handle("/", s.authenticated(s.routes()))
	return s
}

// Env gives the OS_* variables of the server's user.
func (s *Server) Env() map[string]string {
	return map[string]string{
		"OS_AUTH_URL": s.URL, "OS_USERNAME": Username, "OS_PASSWORD": Password, "OS_PROJECT_NAME": Project,
		"OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default", "OS_REGION_NAME": "RegionOne",
	}
}

// Created gives the bodies of the create requests so far.
func (s *Server) Created() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, b := range s.created {
		all = append(all, string(b))
	}
	return all
}

// Images gives the archives that were loaded, by cluster.
func (s *Server) Images(cluster string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.images[cluster]
}

// ExpireToken makes every token issued so far invalid.
func (s *Server) ExpireToken() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens++
}

// GoAway answers the next n requests with 503.
func (s *Server) GoAway(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = n
}

// Microversions gives the OpenStack-API-Version headers of container-infra
// requests so far.
func (s *Server) Microversions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.version...)
}

// AddCluster makes a cluster that is complete, and gives its UUID.
func (s *Server) AddCluster(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.add(name)
	c.status = "CREATE_COMPLETE"
	return c.uuid
}

func (s *Server) add(name string) *cluster {
	c := &cluster{name: name, status: "CREATE_IN_PROGRESS", uuid: fmt.Sprintf("2b778d83-8b67-45b1-920e-%012d", len(s.clusters)+1)}
	s.clusters = append(s.clusters, c)
	return c
}

func (s *Server) issue(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Auth struct {
			Identity struct {
				Methods  []string
				Password struct {
					User struct {
						Name, Password string
						Domain         map[string]string
					}
				}
				Token struct{ ID string }
			}
			Scope struct {
				Project struct {
					Name   string
					Domain map[string]string
				}
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := req.Auth.Identity.Password.User
	byPassword := u.Name == Username && u.Password == Password && u.Domain["name"] == "Default" && req.Auth.Scope.Project.Name == Project
	byToken := req.Auth.Identity.Token.ID != "" && req.Auth.Identity.Token.ID == s.token()
	if !byPassword && !byToken {
		answer(w, 401, `{"error":{"code":401,"title":"Unauthorized","message":"The request you have made requires authentication."}}`)
		return
	}
	s.tokens++
	base := "http://" + r.Host
	w.Header().Set("X-Subject-Token", s.token())
	endpoint := func(kind, name, path string) string {
		return fmt.Sprintf(`{"type":%q,"name":%q,"id":%q,"endpoints":[
			{"interface":"internal","region":"RegionOne","region_id":"RegionOne","url":"http://internal.invalid%s","id":"i"},
			{"interface":"public","region":"RegionTwo","region_id":"RegionTwo","url":"http://two.invalid%s","id":"t"},
			{"interface":"public","region":"RegionOne","region_id":"RegionOne","url":"%s%s","id":"p"}]}`, kind, name, name, path, path, base, path)
	}
	answer(w, 201, fmt.Sprintf(`{"token":{"methods":["password"],"expires_at":"2099-01-01T00:00:00.000000Z","issued_at":"2024-01-01T00:00:00.000000Z",
		"user":{"id":"u1","name":"admin","domain":{"id":"default","name":"Default"}},
		"project":{"id":"p1","name":"demo","domain":{"id":"default","name":"Default"}},"roles":[{"id":"r","name":"member"}],
		"catalog":[%s]}}`, strings.Join([]string{
		endpoint("kubernetes", "kubernetes", ""), endpoint("container-infra", "magnum", "/v1"),
		endpoint("compute", "nova", "/compute/v2/p1"), endpoint("network", "neutron", "/network"),
		endpoint("image", "glance", "/image"), endpoint("volumev3", "cinder", "/volume/v3/p1"),
	}, ",")))
}

func (s *Server) token() string { return fmt.Sprintf("token-%d", s.tokens) }

// authenticated refuses requests without the newest token.
func (s *Server) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		away := s.away > 0
		if away {
			s.away--
		}
		valid := r.Header.Get("X-Auth-Token") == s.token()
		if strings.HasPrefix(r.URL.Path, "/v1/") {
			s.version = append(s.version, r.Header.Get("OpenStack-API-Version"))
		}
		s.mu.Unlock()
		switch {
		case away:
			refuse(w, 503, "the service is starting")
		case !valid:
			answer(w, 401, `{"error":{"code":401,"title":"Unauthorized","message":"The request you have made requires authentication."}}`)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprint(w, body)
}

// refuse answers with Magnum's error body.
func refuse(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("X-Openstack-Request-Id", "req-1")
	answer(w, status, fmt.Sprintf(`{"errors":[{"request_id":"req-1","code":"client","status":%d,"title":%q,"detail":%q,"links":[]}]}`,
		status, http.StatusText(status), detail))
}
