package identity

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hanok/hanok/api/apitest"
	"github.com/hanok/hanok/internal/infra"
)

// create makes an application credential with a token, from fields in JSON.
func (f *fixture) create(token infra.Token, fields string) apitest.Answer {
	f.Helper()
	return f.do(http.MethodPost, "/identity/v3/users/"+token.UserID+"/application_credentials",
		`{"application_credential":{`+fields+`}}`, "X-Auth-Token", token.ID)
}

// enter asks for a token by an application credential.
func (f *fixture) enter(credential, rest string) apitest.Answer {
	f.Helper()
	return f.do(http.MethodPost, "/identity/v3/auth/tokens",
		`{"auth":{"identity":{"methods":["application_credential"],"application_credential":{`+credential+`}}`+rest+`}}`)
}

func TestApplicationCredential(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	made := f.create(f.token, `"name":"ci","description":"for CI","roles":[{"name":"member"}],"expires_at":"2999-01-31T12:00:00.000000"`)
	if made.Status != 201 {
		t.Fatalf("%d %s", made.Status, made.Raw)
	}
	const c = "application_credential/"
	id, secret := made.At(c+"id").(string), made.At(c+"secret").(string)
	if len(secret) < 32 || made.At(c+"roles/0/name") != "member" || made.At(c+"roles/1") != nil || made.At(c+"project_id") != f.token.ProjectID ||
		made.At(c+"expires_at") != "2999-01-31T12:00:00.000000" || made.At(c+"unrestricted") != false || made.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("made %s", made.Raw)
	}
	path := "/identity/v3/users/" + f.token.UserID + "/application_credentials"
	for _, p := range []string{path, path + "?name=ci", path + "/" + id} {
		if a := f.do("GET", p, "", "X-Auth-Token", f.token.ID); a.Status != 200 || !strings.Contains(a.Raw, id) || strings.Contains(a.Raw, "secret") {
			t.Errorf("%s: %d %s", p, a.Status, a.Raw)
		}
	}
	if a := f.do("GET", path+"?name=other", "", "X-Auth-Token", f.token.ID); strings.Contains(a.Raw, id) {
		t.Errorf("filtered: %s", a.Raw)
	}

	byID := fmt.Sprintf(`"id":%q,"secret":%q`, id, secret)
	var token apitest.Answer
	for _, credential := range []string{
		byID,
		fmt.Sprintf(`"name":"ci","secret":%q,"user":{"id":%q}`, secret, f.token.UserID),
		fmt.Sprintf(`"name":"ci","secret":%q,"user":{"name":"admin","domain":{"id":"default"}}`, secret),
	} {
		token = f.enter(credential, "")
		if token.Status != 201 || token.At("token/project/id") != f.token.ProjectID || token.At("token/roles/0/name") != "member" ||
			token.At("token/roles/1") != nil || token.At("token/methods/0") != "application_credential" ||
			token.At("token/application_credential/restricted") != true || token.At("token/application_credential/id") != id {
			t.Fatalf("%s: %d %s", credential, token.Status, token.Raw)
		}
	}
	got := token.Header.Get("X-Subject-Token")
	if a := f.do("GET", "/identity/v3/projects", "", "X-Auth-Token", got); a.Status != 200 {
		t.Errorf("the token does not open: %d %s", a.Status, a.Raw)
	}
	// A restricted one makes no others, and passes on no role that it has not.
	if a := f.create(infra.Token{ID: got, UserID: f.token.UserID}, `"name":"heir"`); a.Status != 403 {
		t.Errorf("an heir: %d %s", a.Status, a.Raw)
	}
	if a := f.do("DELETE", path+"/"+id, "", "X-Auth-Token", got); a.Status != 403 {
		t.Errorf("deletes itself: %d %s", a.Status, a.Raw)
	}
	if a := f.do("DELETE", path+"/"+id, "", "X-Auth-Token", f.token.ID); a.Status != 204 {
		t.Fatalf("delete: %d %s", a.Status, a.Raw)
	}
	if a := f.do("GET", "/identity/v3/projects", "", "X-Auth-Token", got); a.Status != 401 {
		t.Errorf("its token outlives it: %d %s", a.Status, a.Raw)
	}
	if a := f.enter(byID, ""); a.Status != 401 {
		t.Errorf("it still opens: %d %s", a.Status, a.Raw)
	}
	for _, method := range []string{"GET", "DELETE"} {
		if a := f.do(method, path+"/"+id, "", "X-Auth-Token", f.token.ID); a.Status != 404 {
			t.Errorf("%s after its end: %d %s", method, a.Status, a.Raw)
		}
	}
}

func TestUnrestrictedCredentialPassesOnItsRolesOnly(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	made := f.create(f.token, `"name":"parent","unrestricted":true,"roles":[{"id":"member"}],"secret":"a secret of mine"`)
	if made.Status != 201 || made.At("application_credential/secret") != "a secret of mine" {
		t.Fatalf("%d %s", made.Status, made.Raw)
	}
	entered := f.enter(fmt.Sprintf(`"id":%q,"secret":"a secret of mine"`, made.At("application_credential/id")), "")
	child := infra.Token{ID: entered.Header.Get("X-Subject-Token"), UserID: f.token.UserID}
	if a := f.create(child, `"name":"admin","roles":[{"name":"admin"}]`); a.Status != 403 {
		t.Errorf("more than its own: %d %s", a.Status, a.Raw)
	}
	if a := f.create(child, `"name":"same"`); a.Status != 201 || strings.Contains(a.Raw, `"name":"admin"`) {
		t.Errorf("its own: %d %s", a.Status, a.Raw)
	}
}

func TestApplicationCredentialsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if a := f.create(f.token, `"name":"taken"`); a.Status != 201 {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	for fields, want := range map[string]struct {
		status int
		says   string
	}{
		`"name":"taken"`:                                {409, "taken"},
		`"description":"x"`:                             {400, "application_credential.name"},
		`"name":7`:                                      {400, "name"},
		`"name":""`:                                     {400, "name"},
		`"name":"a","secret":""`:                        {400, "application_credential.secret"},
		`"name":"a","secret":"short"`:                   {400, "secret"},
		`"name":"a","roles":[{"name":"king"}]`:          {400, "application_credential.roles"},
		`"name":"a","roles":[{"name":"reader"}]`:        {403, "reader"},
		`"name":"a","expires_at":"soon"`:                {400, "application_credential.expires_at"},
		`"name":"a","expires_at":"2001-01-01T00:00:00"`: {400, "expires_at"},
		`"name":"a","access_rules":[{"path":"/v1"}]`:    {501, "access_rules"},
	} {
		if a := f.create(f.token, fields); a.Status != want.status || !strings.Contains(a.Raw, want.says) {
			t.Errorf("%s: %d %s, want %d with %q", fields, a.Status, a.Raw, want.status, want.says)
		}
	}
	if a := f.create(f.reader, `"name":"a"`); a.Status != 403 {
		t.Errorf("a reader: %d %s", a.Status, a.Raw)
	}
	foreign := "/identity/v3/users/" + f.reader.UserID + "/application_credentials"
	for _, method := range []string{"GET", "POST"} {
		if a := f.do(method, foreign, `{"application_credential":{"name":"a"}}`, "X-Auth-Token", f.token.ID); a.Status != 404 {
			t.Errorf("%s another user's: %d %s", method, a.Status, a.Raw)
		}
	}
	for credential, want := range map[string]int{
		`"id":"x","secret":"y"`: 401, `"id":"x"`: 400, `"secret":"y"`: 400, `"name":"taken","secret":"y"`: 400,
		`"name":"taken","secret":"y","user":{"name":"admin"}`:                400,
		`"name":"taken","secret":"y","user":{"id":"` + f.token.UserID + `"}`: 401,
	} {
		if a := f.enter(credential, ""); a.Status != want {
			t.Errorf("%s: %d %s, want %d", credential, a.Status, a.Raw, want)
		}
	}
	if a := f.enter(`"id":"x","secret":"y"`, `,"scope":{"project":{"id":"z"}}`); a.Status != 400 || !strings.Contains(a.Raw, "auth.scope") {
		t.Errorf("with a scope: %d %s", a.Status, a.Raw)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.do("GET", "/identity/v3/roles", "", "X-Auth-Token", f.reader.ID)
	if a.Status != 200 || a.At("roles/0/name") != "admin" || a.At("roles/2/id") != "reader" || a.At("roles/3") != nil {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	if a := f.do("GET", "/identity/v3/roles?name=member", "", "X-Auth-Token", f.reader.ID); a.At("roles/0/name") != "member" || a.At("roles/1") != nil {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	if a := f.do("GET", "/identity/v3/roles/member", "", "X-Auth-Token", f.reader.ID); a.At("role/name") != "member" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	if a := f.do("GET", "/identity/v3/roles/king", "", "X-Auth-Token", f.reader.ID); a.Status != 404 {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}
