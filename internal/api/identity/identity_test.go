package identity

import (
	"net/http"
	"strings"
	"testing"
)

func TestVersions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, test := range []struct {
		path   string
		status int
		values map[string]any
	}{
		{"/identity", http.StatusMultipleChoices, map[string]any{
			"versions/values/0/id": "v3.14", "versions/values/0/links/0/href": f.server.URL + "/identity/v3/",
			"versions/values/1/id": "v2.0", "versions/values/1/links/0/href": f.server.URL + "/identity/v2.0/",
		}},
		{"/identity/", http.StatusMultipleChoices, map[string]any{"versions/values/0/status": "stable"}},
		{"/identity/v3", 200, map[string]any{"version/id": "v3.14", "version/links/0/rel": "self", "version/links/0/href": f.server.URL + "/identity/v3/"}},
		{"/identity/v3/", 200, map[string]any{"version/status": "stable"}},
		{"/identity/v2.0", 200, map[string]any{"version/id": "v2.0", "version/status": "stable"}},
		{"/identity/v2.0/", 200, map[string]any{"version/id": "v2.0"}},
	} {
		a := f.do("GET", test.path, "")
		if a.Status != test.status {
			t.Errorf("%s: status %d, want %d", test.path, a.Status, test.status)
		}
		for path, want := range test.values {
			if got := a.At(path); got != want {
				t.Errorf("%s: %s = %v, want %v", test.path, path, got, want)
			}
		}
	}
}

func TestProjectPaths(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	other := ""
	projects, err := f.identity.Projects(t.Context(), f.reader.UserID)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range projects {
		if p.Name == "other" {
			other = p.ID
		}
	}
	for _, test := range []struct {
		path, token string
		status      int
		names       string // of the listed projects
	}{
		{"/identity/v3/auth/projects", f.reader.ID, 200, "demo other"},
		{"/identity/v3/auth/projects", f.token.ID, 200, "demo"},
		{"/identity/v3/projects", f.reader.ID, 200, "demo other"},
		{"/identity/v3/projects/", f.reader.ID, 200, "demo other"},
		{"/identity/v3/projects?name=other", f.reader.ID, 200, "other"},
		{"/identity/v3/projects?name=none", f.reader.ID, 200, ""},
		{"/identity/v3/projects?domain_id=none", f.reader.ID, 200, ""},
		{"/identity/v3/users/" + f.reader.UserID + "/projects", f.reader.ID, 200, "demo other"},
		{"/identity/v3/users/" + f.token.UserID + "/projects", f.reader.ID, 403, ""},
		{"/identity/v2.0/tenants", f.reader.ID, 200, "demo other"},
		{"/identity/v3/projects/" + other, f.reader.ID, 200, "other"},
		{"/identity/v3/projects/" + other, f.token.ID, 404, ""},
		{"/identity/v3/users/" + f.token.UserID, f.token.ID, 200, ""},
		{"/identity/v3/users/" + f.token.UserID, f.reader.ID, 404, ""},
		{"/identity/v3/auth/catalog", f.token.ID, 200, ""},
		{"/identity/v3/auth/projects", "", 401, ""},
		{"/identity/v3/projects", "x", 401, ""},
		{"/identity/v2.0/tenants", "", 401, ""},
		{"/identity/v3/auth/catalog", "", 401, ""},
		{"/identity/v3/nothing", f.token.ID, 404, ""},
		{"/identity/v4", f.token.ID, 404, ""},
	} {
		var headers []string
		if test.token != "" {
			headers = []string{"X-Auth-Token", test.token}
		}
		a := f.do("GET", test.path, "", headers...)
		if a.Status != test.status {
			t.Errorf("%s: status %d, want %d: %s", test.path, a.Status, test.status, a.Raw)
			continue
		}
		if a.Status >= 400 {
			if a.At("error/code") != float64(test.status) {
				t.Errorf("%s: the error is not in Keystone's shape: %s", test.path, a.Raw)
			}
			continue
		}
		var names []string
		for _, key := range []string{"projects", "tenants"} {
			list, _ := a.At(key).([]any)
			for _, p := range list {
				names = append(names, p.(map[string]any)["name"].(string))
			}
		}
		if name, ok := a.At("project/name").(string); ok {
			names = append(names, name)
		}
		if got := strings.Join(names, " "); got != test.names {
			t.Errorf("%s lists %q, want %q", test.path, got, test.names)
		}
	}
}

func TestMethodNotAllowed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.do("POST", "/identity/v3/projects", "{}", "X-Auth-Token", f.token.ID)
	if a.Status != http.StatusMethodNotAllowed || a.Header.Get("Allow") != "GET, HEAD" || a.At("error/code") != float64(405) {
		t.Errorf("status %d, Allow %q: %s", a.Status, a.Header.Get("Allow"), a.Raw)
	}
}
