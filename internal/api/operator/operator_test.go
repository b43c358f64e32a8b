package operator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/operator"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/embedded"
	"github.com/hanok/hanok/internal/infra/embedded/embeddedtest"
	"github.com/hanok/hanok/internal/machine"
)

type world struct {
	t        *testing.T
	url      string
	accounts *embedded.Identity
}

func newWorld(t *testing.T) *world {
	t.Helper()
	c := embeddedtest.New(t)
	status := func(context.Context) (operator.Status, error) {
		return operator.Status{Version: "v1", Installation: "abcdef"}, nil
	}
	inspect := func(_ context.Context, node string) (operator.Node, error) {
		if node != "node-0" {
			return operator.Node{}, hanok.NotFound("node", node)
		}
		return operator.Node{Name: node, UUID: "5801ef8a-3760-4858-b467-fc4c1201241d", Machine: "ACTIVE", Report: &machine.Report{Ready: true}}, nil
	}
	srv := httptest.NewServer(operator.New(operator.Config{
		Accounts: c.Identity, Catalogue: c.Catalogue, Store: c.Store, Status: status, Inspect: inspect,
	}))
	t.Cleanup(srv.Close)
	return &world{t: t, url: srv.URL, accounts: c.Identity}
}

// do sends a body (nil for none) and checks the status; it gives the answer.
func (w *world) do(method, path string, body any, status int) string {
	w.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, bytes.NewReader(b))
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if resp.StatusCode != status {
		w.t.Errorf("%s %s: %d %s, want %d", method, path, resp.StatusCode, answer, status)
	}
	return string(answer)
}

// login gives the token that a user gets for a project.
func (w *world) login(user, password, project string) (infra.Token, error) {
	return w.accounts.Authenticate(w.t.Context(), infra.Credentials{
		UserName: user, UserDomain: "Default", Password: password, ProjectName: project, ProjectDomain: "Default", RemoteAddr: "test",
	})
}

func TestUsersOfAProject(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do("POST", "/projects", operator.Project{Name: "team"}, 201)
	w.do("POST", "/projects", operator.Project{Name: "team"}, 409)
	if list := w.do("GET", "/projects", nil, 200); !strings.Contains(list, `"team"`) || !strings.Contains(list, `"demo"`) {
		t.Errorf("projects: %s", list)
	}

	alice := operator.NewUser{Name: "alice", Password: "wonderland-4711", Project: "team", Roles: []string{"member"}}
	answer := w.do("POST", "/users", alice, 201)
	if strings.Contains(answer, alice.Password) {
		t.Errorf("the answer shows the password: %s", answer)
	}
	token, err := w.login("alice", alice.Password, "team")
	if err != nil || token.ProjectName != "team" || len(token.Roles) != 1 || token.Roles[0] != "member" {
		t.Errorf("alice's token: %+v, %v", token.Roles, err)
	}
	if _, err := w.login("alice", alice.Password, "demo"); hanok.KindOf(err) != hanok.KindUnauthorized {
		t.Errorf("alice in another project: %v", err)
	}

	w.do("PUT", "/users/alice/roles", operator.Roles{Project: "demo", Roles: []string{"reader"}}, 204)
	if token, err := w.login("alice", alice.Password, "demo"); err != nil || token.Roles[0] != "reader" {
		t.Errorf("alice as a reader: %+v, %v", token.Roles, err)
	}
	w.do("PUT", "/users/alice/password", operator.NewUser{Password: "looking-glass-4711"}, 204)
	if _, err := w.login("alice", alice.Password, "team"); hanok.KindOf(err) != hanok.KindUnauthorized {
		t.Errorf("the old password: %v", err)
	}
	if _, err := w.accounts.Validate(t.Context(), token.ID); hanok.KindOf(err) != hanok.KindUnauthorized {
		t.Errorf("a token from before the change: %v", err)
	}
	if list := w.do("GET", "/users", nil, 200); !strings.Contains(list, `"alice"`) {
		t.Errorf("users: %s", list)
	}
	w.do("DELETE", "/users/alice", nil, 204)
	w.do("DELETE", "/users/alice", nil, 404)
	w.do("DELETE", "/projects/team", nil, 204)
	w.do("DELETE", "/projects/team", nil, 404)
}

func TestRefusedUsersDoNotExist(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := operator.NewUser{Name: "bob", Password: "builder-4711", Project: "demo", Roles: []string{"member"}}
	for name, change := range map[string]func(*operator.NewUser){
		"unknown project": func(u *operator.NewUser) { u.Project = "nowhere" },
		"unknown role":    func(u *operator.NewUser) { u.Roles = []string{"emperor"} },
		"no password":     func(u *operator.NewUser) { u.Password = "" },
	} {
		u := good
		change(&u)
		want := 400
		if name == "unknown project" {
			want = 404
		}
		w.do("POST", "/users", u, want)
		if list := w.do("GET", "/users", nil, 200); strings.Contains(list, `"bob"`) {
			t.Errorf("%s: the user was made: %s", name, list)
		}
	}
	w.do("POST", "/users", map[string]any{"nmae": "bob"}, 400)
	w.do("POST", "/users", good, 201)
}

func TestStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if s := w.do("GET", "/status", nil, 200); !strings.Contains(s, `"installation":"abcdef"`) {
		t.Errorf("status: %s", s)
	}
	w.do("GET", "/nothing", nil, 404)
}

func TestShowNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var n operator.Node
	if err := json.Unmarshal([]byte(w.do("GET", "/nodes/node-0", nil, 200)), &n); err != nil {
		t.Fatal(err)
	}
	if n.Name != "node-0" || n.Machine != "ACTIVE" || n.Report == nil || !n.Report.Ready || n.ReportedAt != nil {
		t.Errorf("node %+v", n)
	}
	w.do("GET", "/nodes/node-1", nil, 404)
}
