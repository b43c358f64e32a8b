package embedded

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// Keypairs lists a user's key pairs in a project, by name.
func (c *Catalogue) Keypairs(ctx context.Context, project, user string) ([]infra.Keypair, error) {
	return view(ctx, c, kindKeypair, project,
		func(k infra.Keypair) bool { return k.ProjectID == project && k.UserID == user },
		func(a, b infra.Keypair) int { return strings.Compare(a.Name, b.Name) })
}

// Keypair finds a user's key pair by name.
func (c *Catalogue) Keypair(ctx context.Context, project, user, name string) (infra.Keypair, error) {
	var k infra.Keypair
	err := c.store.View(ctx, func(tx store.Tx) (err error) {
		k, err = get[infra.Keypair](tx, kindKeypair, keypairID(project, user, name), name)
		return err
	})
	return k, err
}

// keypairName is Nova's rule.
var keypairName = regexp.MustCompile(`^[A-Za-z0-9 _.@-]{1,255}$`)

// maxPublicKey is more than the longest key that is in use takes.
const maxPublicKey = 16 << 10

// CreateKeypair keeps a public key, as it was sent. Without one it makes an
// Ed25519 pair and gives the private key, which is kept nowhere. A name that
// is taken is hanok.KindConflict.
func (c *Catalogue) CreateKeypair(ctx context.Context, project, user, name, publicKey string) (infra.Keypair, []byte, error) {
	if !keypairName.MatchString(name) || strings.TrimSpace(name) != name {
		return infra.Keypair{}, nil, hanok.Invalid("name",
			"%q must be 1 to 255 letters, digits, and any of space _ . @ - (no space at its ends)", name)
	}
	var private []byte
	if publicKey == "" {
		var err error
		if publicKey, private, err = generateKeypair(name); err != nil {
			return infra.Keypair{}, nil, err
		}
	}
	parsed, err := parsePublicKey(publicKey)
	if err != nil {
		return infra.Keypair{}, nil, err
	}
	k := infra.Keypair{
		Name: name, ProjectID: project, UserID: user, PublicKey: publicKey,
		Fingerprint: ssh.FingerprintLegacyMD5(parsed), CreatedAt: c.created(),
	}
	id := keypairID(project, user, name)
	err = c.store.Update(ctx, func(tx store.Tx) error {
		if _, err := tx.Document(kindKeypair, id); err == nil {
			return hanok.Errorf(hanok.KindConflict, "a key pair named %s exists already; delete it or choose another name", name)
		} else if hanok.KindOf(err) != hanok.KindNotFound {
			return err
		}
		return put(tx, kindKeypair, id, project, name, k.CreatedAt, k)
	})
	if err != nil {
		return infra.Keypair{}, nil, err
	}
	return k, private, nil
}

// parsePublicKey accepts one line of an authorized_keys file without options:
// it will stand in such a file on every node.
func parsePublicKey(line string) (ssh.PublicKey, error) {
	trimmed := strings.TrimSpace(line)
	if len(line) > maxPublicKey {
		return nil, hanok.Invalid("public_key", "is longer than %d bytes", maxPublicKey)
	}
	if strings.ContainsAny(trimmed, "\r\n\x00") {
		return nil, hanok.Invalid("public_key", "must be a single line: type, key and an optional comment")
	}
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(trimmed))
	if err != nil || len(options) > 0 || !strings.HasPrefix(trimmed, key.Type()) {
		return nil, hanok.Invalid("public_key",
			"is no OpenSSH public key; give the content of a file like id_ed25519.pub, without options")
	}
	return key, nil
}

func generateKeypair(comment string) (public string, private []byte, err error) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", nil, fmt.Errorf("generate a key pair: %w", err)
	}
	sshPub, err := ssh.NewPublicKey(pub)
	if err != nil {
		return "", nil, fmt.Errorf("encode the public key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(priv, comment)
	if err != nil {
		return "", nil, fmt.Errorf("encode the private key: %w", err)
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(sshPub)))
	return line + " " + strings.ReplaceAll(comment, " ", "-"), pem.EncodeToMemory(block), nil
}

// DeleteKeypair removes a key pair; nodes that have its key keep it.
func (c *Catalogue) DeleteKeypair(ctx context.Context, project, user, name string) error {
	return c.store.Update(ctx, func(tx store.Tx) error {
		id := keypairID(project, user, name)
		if _, err := get[infra.Keypair](tx, kindKeypair, id, name); err != nil {
			return err
		}
		return tx.DeleteDocument(kindKeypair, id)
	})
}

func keypairID(project, user, name string) string { return project + "/" + user + "/" + name }
