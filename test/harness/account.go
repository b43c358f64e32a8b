package harness

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/hanok/hanok/api/apitest"
	"github.com/hanok/hanok/internal/client"
)

// Account is a user in a project, with a key pair of its own.
type Account struct {
	User, Password, Project string   // names
	Env                     []string // OS_* variables
	Client                  *client.Client
	KeyFile                 string        // private key of the key pair KeypairName
	Choice                  client.Choice // what a create request names
	Flavor                  client.Flavor // the chosen one
}

// KeypairName is the name of every account's key pair.
const KeypairName = "e2e"

// Login makes the installation's first user the one that the service acts for.
func (s *Service) Login(t *testing.T) {
	t.Helper()
	password, err := os.ReadFile(filepath.Join(s.Dir, "initial-password"))
	if err != nil {
		t.Fatal(err)
	}
	s.Account = s.accountOf(t, "admin", "demo", strings.TrimSpace(string(password)))
}

// NewProject makes a project with a user of its own, and gives the service as
// that user sees it.
func (s *Service) NewProject(t *testing.T, project string) *Service {
	t.Helper()
	s.Hanok(t, "project", "create", project, "--state-dir", s.Dir)
	password := strings.TrimSpace(s.Hanok(t, "user", "create", project+"-user", "--project", project, "--state-dir", s.Dir))
	other := *s
	other.Account = s.accountOf(t, project+"-user", project, password)
	return &other
}

func (s *Service) accountOf(t *testing.T, user, project, password string) Account {
	t.Helper()
	vars := map[string]string{
		"OS_AUTH_URL": s.URL + "/identity/v3", "OS_USERNAME": user, "OS_PASSWORD": password, "OS_PROJECT_NAME": project,
		"OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default", "OS_IDENTITY_API_VERSION": "3",
	}
	a := Account{User: user, Password: password, Project: project}
	for k, v := range vars {
		a.Env = append(a.Env, k+"="+v)
	}
	options, err := client.OptionsFromEnv(func(name string) string { return vars[name] })
	if err != nil {
		t.Fatal(err)
	}
	options.Wrap = func(next http.RoundTripper) http.RoundTripper { return apitest.Transport(t, next) }
	if a.Client, err = client.New(options); err != nil {
		t.Fatal(err)
	}
	a.KeyFile = filepath.Join(s.Dir, "key-"+project)
	if _, err := os.Stat(a.KeyFile); err != nil {
		public := NewKey(t, a.KeyFile)
		if _, err := a.Client.CreateKeypair(t.Context(), KeypairName, public); err != nil {
			t.Fatal(err)
		}
	}
	if a.Choice, err = a.Client.Choose(t.Context(), client.Wishes{Version: KubeTag, Keypair: KeypairName}); err != nil {
		t.Fatal(err)
	}
	flavors, err := a.Client.Flavors(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range flavors {
		if f.ID == a.Choice.FlavorID {
			a.Flavor = f
		}
	}
	return a
}

// NewKey writes a new SSH key to a file and gives its public half in the form
// of authorized_keys.
func NewKey(t *testing.T, path string) (public string) {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	sshPub, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(sshPub)))
}
