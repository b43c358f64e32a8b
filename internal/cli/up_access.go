package cli

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/hanok/hanok/internal/client"
	"github.com/hanok/hanok/internal/serve"
)

// quickstartKeypair is the key pair that the example request names.
const quickstartKeypair = "test-keypair"

// login gives a client of the first user, and leaves the user's variables in
// run/openrc. Variables that are there and let us in are left as they are.
func (q *quickstart) login(ctx context.Context) (*client.Client, error) {
	path := q.path("run", "openrc")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if variables, err := readOpenrc(path); err == nil {
		if c, err := tryLogin(ctx, variables); err == nil {
			q.say("credentials", "%s", path)
			return c, nil
		}
	}
	password, err := os.ReadFile(filepath.Join(q.stateDir, serve.InitialPasswordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the first user's password is neither in %s nor in %s: write it to run/openrc yourself", path, q.stateDir)
	}
	if err != nil {
		return nil, fmt.Errorf("read the first user's password: %w", err)
	}
	variables := openrc("http://"+q.listen, strings.TrimSpace(string(password)))
	c, err := tryLogin(ctx, variables)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("# The OS_* variables of the first user. Read them with: . run/openrc\n")
	for _, kv := range variables {
		fmt.Fprintf(&b, "export %s=%s\n", kv[0], kv[1])
	}
	if err := writePrivate(path, b.Bytes()); err != nil {
		return nil, err
	}
	q.say("credentials", "%s", path)
	return c, nil
}

// openrc gives the first user's variables. Their values need no quoting.
func openrc(url, password string) [][2]string {
	return [][2]string{
		{"OS_AUTH_URL", url + "/identity/v3"},
		{"OS_IDENTITY_API_VERSION", "3"},
		{"OS_USERNAME", "admin"},
		{"OS_PASSWORD", password},
		{"OS_PROJECT_NAME", "demo"},
		{"OS_USER_DOMAIN_NAME", "Default"},
		{"OS_PROJECT_DOMAIN_NAME", "Default"},
		{"OS_REGION_NAME", "RegionOne"},
		{"OS_INTERFACE", "public"},
	}
}

func readOpenrc(path string) ([][2]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var variables [][2]string
	for line := range strings.Lines(string(b)) {
		line, ok := strings.CutPrefix(strings.TrimSpace(line), "export ")
		k, v, found := strings.Cut(line, "=")
		if ok && found {
			variables = append(variables, [2]string{k, strings.Trim(v, `"'`)})
		}
	}
	return variables, nil
}

func tryLogin(ctx context.Context, variables [][2]string) (*client.Client, error) {
	values := map[string]string{}
	for _, kv := range variables {
		values[kv[0]] = kv[1]
	}
	o, err := client.OptionsFromEnv(func(k string) string { return values[k] })
	if err != nil {
		return nil, err
	}
	c, err := client.New(o)
	if err != nil {
		return nil, err
	}
	_, _, _, _, err = c.Token(ctx)
	return c, err
}

// keypair registers run/id_ed25519 as the example's key pair, and makes both
// where they are missing.
func (q *quickstart) keypair(ctx context.Context, c *client.Client) error {
	path := q.path("run", "id_ed25519")
	keys, err := c.Keypairs(ctx)
	if err != nil {
		return fmt.Errorf("look up the key pairs: %w", err)
	}
	for _, k := range keys {
		if k.Name == quickstartKeypair {
			q.say("key pair", "%s (%s)", k.Name, path)
			return nil
		}
	}
	public, err := os.ReadFile(path + ".pub")
	if errors.Is(err, fs.ErrNotExist) {
		public, err = makeKey(path)
	}
	if err != nil {
		return fmt.Errorf("make an ssh key: %w", err)
	}
	k, err := c.CreateKeypair(ctx, quickstartKeypair, strings.TrimSpace(string(public)))
	if err != nil {
		return fmt.Errorf("register the ssh key: %w", err)
	}
	q.say("key pair", "%s (%s)", k.Name, path)
	return nil
}

// makeKey writes an ssh key and gives its public line.
func makeKey(path string) ([]byte, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, quickstartKeypair)
	if err != nil {
		return nil, err
	}
	if err := writePrivate(path, pem.EncodeToMemory(block)); err != nil {
		return nil, err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	line := ssh.MarshalAuthorizedKey(key)
	return line, os.WriteFile(path+".pub", line, 0o644)
}
