package embedded

import (
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/hanok/hanok"
)

// A public key of nobody, and its MD5 fingerprint as ssh-keygen -E md5 -l gives it.
const (
	publicKey   = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP3Q1yX9cYj1d9tU3y2sKsRrjVvZ0T5m8yq0h0l6Tn7u"
	fingerprint = "f3:0c:c5:5b:d5:32:9d:7f:bd:09:63:c6:e5:d0:90:a6"
)

func TestCreateKeypair(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	for _, test := range []struct {
		name, keypair, public string
		want                  hanok.Kind // KindInternal: good
	}{
		{"plain", "mine", publicKey, hanok.KindInternal},
		{"with a comment", "mine too", publicKey + " me@example", hanok.KindInternal},
		{"with a newline", "mine_3", publicKey + " me\n", hanok.KindInternal},
		{"taken", "mine", publicKey, hanok.KindConflict},
		{"no name", "", publicKey, hanok.KindInvalid},
		{"slash", "a/b", publicKey, hanok.KindInvalid},
		{"space at the end", "a ", publicKey, hanok.KindInvalid},
		{"long name", strings.Repeat("a", 256), publicKey, hanok.KindInvalid},
		{"no key", "bad", "hello", hanok.KindInvalid},
		{"private key", "bad", "-----BEGIN OPENSSH PRIVATE KEY-----", hanok.KindInvalid},
		{"options", "bad", `command="rm -rf /" ` + publicKey, hanok.KindInvalid},
		{"two keys", "bad", publicKey + "\n" + publicKey, hanok.KindInvalid},
		{"second line", "bad", publicKey + " me\nroot ALL", hanok.KindInvalid},
		{"cut short", "bad", publicKey[:60], hanok.KindInvalid},
		{"huge", "bad", publicKey + strings.Repeat(" x", maxPublicKey), hanok.KindInvalid},
		{"blank", "bad", " ", hanok.KindInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			k, private, err := f.catalogue.CreateKeypair(t.Context(), f.token.ProjectID, f.token.UserID, test.keypair, test.public)
			if test.want != hanok.KindInternal {
				wantKind(t, "CreateKeypair", err, test.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if k.PublicKey != test.public || private != nil || k.Fingerprint != fingerprint {
				t.Errorf("keypair %+v, private %q", k, private)
			}
			if got, err := f.catalogue.Keypair(t.Context(), f.token.ProjectID, f.token.UserID, test.keypair); err != nil || got != k {
				t.Errorf("Keypair = %+v, %v, want %+v", got, err, k)
			}
		})
	}
}

func TestGeneratedKeypair(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	k, private, err := f.catalogue.CreateKeypair(t.Context(), f.token.ProjectID, f.token.UserID, "made here", "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey(private)
	if err != nil {
		t.Fatalf("the private key: %v", err)
	}
	public, comment, _, _, err := ssh.ParseAuthorizedKey([]byte(k.PublicKey))
	if err != nil || comment != "made-here" {
		t.Fatalf("the public key %q: comment %q, %v", k.PublicKey, comment, err)
	}
	if string(public.Marshal()) != string(signer.PublicKey().Marshal()) {
		t.Error("the private key does not belong to the public key")
	}
	if got, err := f.catalogue.Keypair(t.Context(), f.token.ProjectID, f.token.UserID, "made here"); err != nil || got != k {
		t.Errorf("Keypair = %+v, %v, want %+v", got, err, k)
	}
}

func TestDeleteKeypair(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	if _, _, err := f.catalogue.CreateKeypair(t.Context(), f.token.ProjectID, f.token.UserID, "key", publicKey); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "another user's", f.catalogue.DeleteKeypair(t.Context(), f.token.ProjectID, "other", "key"), hanok.KindNotFound)
	if err := f.catalogue.DeleteKeypair(t.Context(), f.token.ProjectID, f.token.UserID, "key"); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "again", f.catalogue.DeleteKeypair(t.Context(), f.token.ProjectID, f.token.UserID, "key"), hanok.KindNotFound)
}
