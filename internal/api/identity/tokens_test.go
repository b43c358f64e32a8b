package identity

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hanok/hanok/internal/api/request"
	"time"
)

// passwordBody is POST /v3/auth/tokens as clients send it.
func passwordBody(user, pass, scope string) string {
	b := fmt.Sprintf(`{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":%q,"domain":{"id":"default"},"password":%q}}}`, user, pass)
	if scope != "" {
		b += `,"scope":` + scope
	}
	return b + "}}"
}

func TestCreateToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const domain = `"domain":{"name":"Default"}`
	for _, test := range []struct {
		name, body string
		status     int
		project    string // of the token
		message    string // part of the error
	}{
		{"scoped by name", passwordBody("admin", password, `{"project":{"name":"demo",`+domain+`}}`), 201, "demo", ""},
		{"scoped by id", passwordBody("admin", password, `{"project":{"id":"`+f.token.ProjectID+`"}}`), 201, "demo", ""},
		{"the other project", passwordBody("eve", password, `{"project":{"name":"other",`+domain+`}}`), 201, "other", ""},
		{"no scope", passwordBody("admin", password, ""), 201, "demo", ""},
		{"null scope", passwordBody("admin", password, "null"), 201, "demo", ""},
		{"unscoped, word", passwordBody("admin", password, `"unscoped"`), 201, "demo", ""},
		{"unscoped, object", passwordBody("admin", password, `{"unscoped":{}}`), 201, "demo", ""},
		{"user by id", `{"auth":{"identity":{"methods":["password"],"password":{"user":{"id":"` + f.token.UserID + `","password":"` + password + `"}}}}}`, 201, "demo", ""},
		{"by token", `{"auth":{"identity":{"methods":["token"],"token":{"id":"` + f.reader.ID + `"}},"scope":{"project":{"name":"other",` + domain + `}}}}`, 201, "other", ""},

		{"wrong password", passwordBody("admin", "wrong", ""), 401, "", "credentials"},
		{"unknown user", passwordBody("nobody", password, ""), 401, "", "credentials"},
		{"unknown project", passwordBody("admin", password, `{"project":{"id":"none"}}`), 401, "", "credentials"},
		{"not one's project", passwordBody("admin", password, `{"project":{"name":"other",`+domain+`}}`), 401, "", "credentials"},
		{"unknown token", `{"auth":{"identity":{"methods":["token"],"token":{"id":"x"}}}}`, 401, "", "token"},
		{"domain scope", passwordBody("admin", password, `{"domain":{"id":"default"}}`), 501, "", "auth.scope.domain"},
		{"system scope", passwordBody("admin", password, `{"system":{"all":true}}`), 501, "", "auth.scope.system"},
		{"other method", `{"auth":{"identity":{"methods":["totp"]}}}`, 501, "", "totp"},
		{"no method", `{"auth":{"identity":{"methods":[]}}}`, 400, "", "auth.identity.methods"},
		{"no identity", `{"auth":{}}`, 400, "", "auth.identity"},
		{"no auth", `{}`, 400, "", "auth.identity"},
		{"no password", `{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"admin"}}}}}`, 400, "", "password.user.password"},
		{"no user", `{"auth":{"identity":{"methods":["password"],"password":{"user":{"password":"x"}}}}}`, 400, "", "password.user"},
		{"no domain", `{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"admin","password":"x"}}}}}`, 400, "", "user.domain"},
		{"no project domain", passwordBody("admin", password, `{"project":{"name":"demo"}}`), 400, "", "project.domain"},
		{"empty scope", passwordBody("admin", password, `{}`), 400, "", "auth.scope.project"},
		{"scope of wrong type", passwordBody("admin", password, `7`), 400, "", "auth.scope"},
		{"password of wrong type", `{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"admin","domain":{"id":"default"},"password":7}}}}}`, 400, "", "password"},
		{"broken JSON", `{"auth":`, 400, "", "body"},
		{"no JSON", `password=` + password, 400, "", "body"},
		{"empty", ``, 400, "", "body"},
		{"oversized", `{"auth":"` + strings.Repeat("x", request.MaxBody) + `"}`, 413, "", "larger"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := f.do("POST", "/identity/v3/auth/tokens", test.body)
			if a.Status != test.status {
				t.Fatalf("status %d, want %d: %s", a.Status, test.status, a.Raw)
			}
			if strings.Contains(a.Raw, password) {
				t.Errorf("the answer holds the password: %s", a.Raw)
			}
			if test.status != http.StatusCreated {
				message, _ := a.At("error/message").(string)
				if !strings.Contains(message, test.message) || a.At("error/code") != float64(test.status) || a.At("error/title") == nil {
					t.Errorf("error body %s, want the message to name %q", a.Raw, test.message)
				}
				if _, ok := a.Header["X-Subject-Token"]; ok {
					t.Error("a refusal carries a token")
				}
				return
			}
			if got := a.At("token/project/name"); got != test.project {
				t.Errorf("project %v, want %s", got, test.project)
			}
			if _, err := f.identity.Validate(t.Context(), a.Header.Get("X-Subject-Token")); err != nil {
				t.Errorf("the token of the header: %v", err)
			}
		})
	}
}

// TestTokenBody checks what clients read of a v3 token.
func TestTokenBody(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.do("POST", "/identity/v3/auth/tokens", passwordBody("admin", password, ""))
	for path, want := range map[string]any{
		"token/user/name": "admin", "token/user/id": f.token.UserID, "token/user/domain/id": "default",
		"token/project/id": f.token.ProjectID, "token/project/domain/name": "Default",
		"token/methods/0": "password", "token/roles/0/name": "admin", "token/roles/1/name": "member",
	} {
		if got := a.At(path); got != want {
			t.Errorf("%s = %v, want %v", path, got, want)
		}
	}
	for _, path := range []string{"token/expires_at", "token/issued_at"} {
		s, _ := a.At(path).(string)
		if _, err := time.Parse(time.RFC3339, s); err != nil || !strings.HasSuffix(s, "Z") {
			t.Errorf("%s = %q is no UTC time", path, s)
		}
	}
	entries, _ := a.At("token/catalog").([]any)
	got := map[string]string{}
	for _, raw := range entries {
		e := raw.(map[string]any)
		interfaces := map[string]bool{}
		for _, raw := range e["endpoints"].([]any) {
			ep := raw.(map[string]any)
			interfaces[ep["interface"].(string)] = true
			if ep["region"] != "RegionOne" || ep["region_id"] != "RegionOne" || ep["id"] == "" {
				t.Errorf("endpoint %v", ep)
			}
			got[e["type"].(string)+" "+e["name"].(string)] = ep["url"].(string)
		}
		if !interfaces["public"] || !interfaces["internal"] || !interfaces["admin"] {
			t.Errorf("%s has the interfaces %v", e["type"], interfaces)
		}
	}
	for entry, path := range map[string]string{
		"kubernetes kubernetes": "", "container-infra magnum": "/v1", "identity keystone": "/identity",
		"compute nova": "/compute/v2/" + f.token.ProjectID, "network neutron": "/network", "image glance": "/image",
		"volumev3 cinderv3": "/volume/v3/" + f.token.ProjectID,
	} {
		if got[entry] != f.server.URL+path {
			t.Errorf("%s is at %q, want %q", entry, got[entry], f.server.URL+path)
		}
	}
	if a := f.do("POST", "/identity/v3/auth/tokens?nocatalog", passwordBody("admin", password, "")); a.At("token/catalog") != nil {
		t.Error("?nocatalog gives a catalogue")
	}
}

func TestShowAndRevokeToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const path = "/identity/v3/auth/tokens"
	subject := f.token
	mine := []string{"X-Auth-Token", f.reader.ID}
	about := append([]string{"X-Subject-Token", subject.ID}, mine...)
	for _, test := range []struct {
		name, method string
		headers      []string
		status       int
	}{
		{"get", "GET", about, 200},
		{"head", "HEAD", about, 200},
		{"no caller", "GET", about[:2], 401},
		{"unknown caller", "GET", append([]string{"X-Auth-Token", "x"}, about[:2]...), 401},
		{"no subject", "GET", mine, 400},
		{"unknown subject", "GET", append([]string{"X-Subject-Token", "x"}, mine...), 404},
		{"revoke without a caller", "DELETE", about[:2], 401},
		{"revoke", "DELETE", about, 204},
		{"revoke again", "DELETE", about, 404},
		{"get after that", "GET", about, 404},
		{"by the revoked token", "GET", []string{"X-Auth-Token", subject.ID, "X-Subject-Token", f.reader.ID}, 401},
		{"wrong method", "PUT", about, 405},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := f.do(test.method, path, "", test.headers...)
			if a.Status != test.status {
				t.Fatalf("status %d, want %d: %s", a.Status, test.status, a.Raw)
			}
			switch {
			case test.name == "get" && (a.At("token/user/name") != "admin" || a.Header.Get("X-Subject-Token") != subject.ID):
				t.Errorf("answer %s", a.Raw)
			case (test.name == "head" || test.status == 204) && a.Raw != "":
				t.Errorf("a body where none belongs: %s", a.Raw)
			case test.status == 401 && a.Header.Get("WWW-Authenticate") == "":
				t.Error("a 401 without WWW-Authenticate")
			case test.status == 405 && a.Header.Get("Allow") != "GET, HEAD, POST, DELETE":
				t.Errorf("Allow: %s", a.Header.Get("Allow"))
			}
		})
	}
}

func TestCreateTokenV2(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, test := range []struct {
		name, body string
		status     int
		project    string
		message    string
	}{
		{"by tenant id", `{"auth":{"tenantId":"` + f.token.ProjectID + `","passwordCredentials":{"username":"admin","password":"` + password + `"}}}`, 200, "demo", ""},
		{"by tenant name", `{"auth":{"tenantName":"other","passwordCredentials":{"username":"eve","password":"` + password + `"}}}`, 200, "other", ""},
		{"by user id", `{"auth":{"tenantName":"demo","passwordCredentials":{"userId":"` + f.token.UserID + `","password":"` + password + `"}}}`, 200, "demo", ""},
		{"no tenant", `{"auth":{"passwordCredentials":{"username":"admin","password":"` + password + `"}}}`, 200, "demo", ""},
		{"by token", `{"auth":{"tenantName":"other","token":{"id":"` + f.reader.ID + `"}}}`, 200, "other", ""},
		{"wrong password", `{"auth":{"passwordCredentials":{"username":"admin","password":"wrong"}}}`, 401, "", "credentials"},
		{"not one's tenant", `{"auth":{"tenantName":"other","passwordCredentials":{"username":"admin","password":"` + password + `"}}}`, 401, "", "credentials"},
		{"no credentials", `{"auth":{"tenantName":"demo"}}`, 400, "", "passwordCredentials"},
		{"no user", `{"auth":{"passwordCredentials":{"password":"x"}}}`, 400, "", "username"},
		{"no password", `{"auth":{"passwordCredentials":{"username":"admin"}}}`, 400, "", "password"},
		{"both", `{"auth":{"passwordCredentials":{"username":"admin","password":"x"},"token":{"id":"x"}}}`, 400, "", "both"},
		{"no auth", `{}`, 400, "", "auth"},
		{"no JSON", `x`, 400, "", "body"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := f.do("POST", "/identity/v2.0/tokens", test.body)
			if a.Status != test.status {
				t.Fatalf("status %d, want %d: %s", a.Status, test.status, a.Raw)
			}
			if test.status != 200 {
				if message, _ := a.At("error/message").(string); !strings.Contains(message, test.message) {
					t.Errorf("error %s does not name %q", a.Raw, test.message)
				}
				return
			}
			if got := a.At("access/token/tenant/name"); got != test.project {
				t.Errorf("tenant %v, want %s", got, test.project)
			}
			id, _ := a.At("access/token/id").(string)
			if _, err := f.identity.Validate(t.Context(), id); err != nil {
				t.Errorf("the token: %v", err)
			}
			expires, _ := a.At("access/token/expires").(string)
			if _, err := time.Parse("2006-01-02T15:04:05Z", expires); err != nil {
				t.Errorf("expires %q: %v", expires, err)
			}
			if a.At("access/user/name") == nil || a.At("access/user/roles/0/name") == nil || a.At("access/metadata/roles/0") == nil {
				t.Errorf("the user or its roles are missing: %s", a.Raw)
			}
			urls := map[string]any{}
			for _, raw := range a.At("access/serviceCatalog").([]any) {
				e := raw.(map[string]any)
				ep := e["endpoints"].([]any)[0].(map[string]any)
				urls[e["type"].(string)] = ep["publicURL"]
				if ep["region"] != "RegionOne" {
					t.Errorf("region %v", ep["region"])
				}
			}
			if urls["kubernetes"] != f.server.URL || urls["container-infra"] != f.server.URL+"/v1" || urls["identity"] != f.server.URL+"/identity/v2.0" {
				t.Errorf("catalogue %v", urls)
			}
		})
	}
}

func TestTooManyFailures(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for range 10 {
		f.do("POST", "/identity/v3/auth/tokens", passwordBody("admin", "wrong", ""))
	}
	a := f.do("POST", "/identity/v2.0/tokens", `{"auth":{"passwordCredentials":{"username":"admin","password":"wrong"}}}`)
	if a.Status != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q: %s", a.Status, a.Header.Get("Retry-After"), a.Raw)
	}
}
