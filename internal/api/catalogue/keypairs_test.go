package catalogue

import (
	"strings"
	"testing"

	"github.com/hanok/hanok/internal/api/request"

	"golang.org/x/crypto/ssh"
)

const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP3Q1yX9cYj1d9tU3y2sKsRrjVvZ0T5m8yq0h0l6Tn7u me"

func TestKeypairs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	path := "/compute/v2/" + f.token.ProjectID + "/os-keypairs"
	made := f.do(f.token, "POST", path, `{"keypair":{"name":"mine","public_key":"`+publicKey+`"}}`)
	if made.Status != 200 || made.At("keypair/name") != "mine" || made.At("keypair/public_key") != publicKey ||
		made.At("keypair/private_key") != nil || made.At("keypair/user_id") != f.token.UserID {
		t.Fatalf("import: %d %s", made.Status, made.Raw)
	}
	generated := f.do(f.token, "POST", "/compute/v2.1/os-keypairs", `{"keypair":{"name":"new one","type":"ssh","user_id":"`+f.token.UserID+`"}}`)
	private, _ := generated.At("keypair/private_key").(string)
	if _, err := ssh.ParsePrivateKey([]byte(private)); generated.Status != 200 || err != nil {
		t.Fatalf("generate: %d, private key: %v", generated.Status, err)
	}
	list := f.get(path)
	if list.At("keypairs/0/keypair/name") != "mine" || list.At("keypairs/1/keypair/name") != "new one" || strings.Contains(list.Raw, "PRIVATE") {
		t.Errorf("list: %s", list.Raw)
	}
	if next := f.get(path + "?limit=1&marker=mine"); next.At("keypairs/0/keypair/name") != "new one" {
		t.Errorf("the page after the first: %s", next.Raw)
	}
	one := f.get(path + "/new%20one")
	if one.At("keypair/fingerprint") != generated.At("keypair/fingerprint") || one.At("keypair/created_at") == nil || one.At("keypair/private_key") != nil {
		t.Errorf("one: %s", one.Raw)
	}
	if other := f.do(f.eve, "GET", "/compute/v2.1/os-keypairs/mine", ""); other.Status != 404 {
		t.Errorf("another's key pair: %d", other.Status)
	}
	if gone := f.do(f.token, "DELETE", path+"/mine", ""); gone.Status != 202 || gone.Raw != "" {
		t.Errorf("delete: %d %s", gone.Status, gone.Raw)
	}
	for _, method := range []string{"GET", "DELETE"} {
		if a := f.do(f.token, method, path+"/mine", ""); a.Status != 404 || a.At("itemNotFound/code") != 404.0 {
			t.Errorf("%s after the delete: %d %s", method, a.Status, a.Raw)
		}
	}
}

func TestCreateKeypairRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const path = "/compute/v2.1/os-keypairs"
	if a := f.do(f.token, "POST", path, `{"keypair":{"name":"taken"}}`); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	for _, test := range []struct {
		name, body string
		status     int
		shape      string
		names      string
	}{
		{"taken", `{"keypair":{"name":"taken"}}`, 409, "conflictingRequest", "taken"},
		{"no keypair", `{}`, 400, "badRequest", "keypair"},
		{"no name", `{"keypair":{}}`, 400, "badRequest", "keypair.name"},
		{"bad name", `{"keypair":{"name":"a/b"}}`, 400, "badRequest", "name"},
		{"name of wrong type", `{"keypair":{"name":7}}`, 400, "badRequest", "name"},
		{"bad key", `{"keypair":{"name":"x","public_key":"hello"}}`, 400, "badRequest", "public_key"},
		{"empty key", `{"keypair":{"name":"x","public_key":""}}`, 400, "badRequest", "public_key"},
		{"key with options", `{"keypair":{"name":"x","public_key":"command=\"x\" ` + publicKey + `"}}`, 400, "badRequest", "public_key"},
		{"x509", `{"keypair":{"name":"x","type":"x509"}}`, 501, "notImplemented", "keypair.type"},
		{"for another user", `{"keypair":{"name":"x","user_id":"` + f.eve.UserID + `"}}`, 403, "forbidden", "user_id"},
		{"broken JSON", `{"keypair":`, 400, "badRequest", "body"},
		{"empty body", ``, 400, "badRequest", "body"},
		{"oversized", `{"keypair":{"name":"` + strings.Repeat("x", request.MaxBody) + `"}}`, 413, "overLimit", "larger"},
	} {
		a := f.do(f.token, "POST", path, test.body)
		message, _ := a.At(test.shape + "/message").(string)
		if a.Status != test.status || !strings.Contains(message, test.names) {
			t.Errorf("%s: %d %s\nwant %d naming %q", test.name, a.Status, a.Raw, test.status, test.names)
		}
	}
	if list := f.get(path); len(list.At("keypairs").([]any)) != 1 {
		t.Errorf("a refusal left something: %s", list.Raw)
	}
}
