package cli

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hanok/hanok/internal/client"
	"github.com/hanok/hanok/internal/serve"
)

// TestApplicationCredentialLogin uses the commands without a password.
func TestApplicationCredentialLogin(t *testing.T) {
	t.Parallel()
	state, url := serveInMemory(t)
	password, err := os.ReadFile(filepath.Join(state, serve.InitialPasswordFile))
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Options{
		AuthURL: url + "/identity/v3", Username: "admin", Password: strings.TrimSpace(string(password)), ProjectName: "demo",
	})
	if err != nil {
		t.Fatal(err)
	}
	token, _, _, user, err := c.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/identity/v3/users/"+user+"/application_credentials",
		strings.NewReader(`{"application_credential":{"name":"ci","roles":[{"name":"member"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var made struct {
		Credential struct{ ID, Secret string } `json:"application_credential"`
	}
	if err := json.NewDecoder(res.Body).Decode(&made); err != nil || res.StatusCode != 201 {
		t.Fatalf("%d, %v", res.StatusCode, err)
	}
	byID := map[string]string{
		"OS_AUTH_URL": url + "/identity/v3", "OS_APPLICATION_CREDENTIAL_ID": made.Credential.ID, "OS_APPLICATION_CREDENTIAL_SECRET": made.Credential.Secret,
		"OS_PROJECT_NAME": "another", // left over from elsewhere
	}
	byName := map[string]string{
		"OS_AUTH_URL": url + "/identity/v3", "OS_APPLICATION_CREDENTIAL_NAME": "ci", "OS_APPLICATION_CREDENTIAL_SECRET": made.Credential.Secret,
		"OS_USERNAME": "admin", "OS_USER_DOMAIN_NAME": "Default",
	}
	for _, vars := range []map[string]string{byID, byName} {
		if out, _ := hanok(t, vars, 0, "cluster", "list", "-o", "json"); strings.TrimSpace(out) != "[]" {
			t.Errorf("clusters: %s", out)
		}
		vars["OS_APPLICATION_CREDENTIAL_SECRET"] = "wrong"
		if _, errs := hanok(t, vars, exitUnauthorize, "cluster", "list"); !strings.Contains(errs, "application credential") {
			t.Errorf("with a wrong secret: %s", errs)
		}
		delete(vars, "OS_APPLICATION_CREDENTIAL_SECRET")
		if _, errs := hanok(t, vars, exitUsage, "cluster", "list"); !strings.Contains(errs, "OS_APPLICATION_CREDENTIAL_SECRET") {
			t.Errorf("without a secret: %s", errs)
		}
	}
}
