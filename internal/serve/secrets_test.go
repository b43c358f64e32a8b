package serve

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sender sends requests to a service, and gathers what must not be in its log.
type sender struct {
	*testing.T
	url     string
	secrets map[string]string // what it is → the secret
}

// send gives the answer's header and body.
func (s *sender) send(status int, method, path, body string, headers ...string) (http.Header, map[string]any) {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.Fatal(err)
	}
	if res.StatusCode != status {
		s.Fatalf("%s %s: %d %s, want %d", method, path, res.StatusCode, text, status)
	}
	var answer map[string]any
	_ = json.Unmarshal(text, &answer) // some answers are empty
	return res.Header, answer
}

// TestNoSecretInTheLog uses every secret that a client may hold, rightly and
// wrongly, with the log at its most talkative.
func TestNoSecretInTheLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	i := start(t, configure(t, dir, "--log-level", "debug"))
	raw, err := os.ReadFile(filepath.Join(dir, InitialPasswordFile))
	if err != nil {
		t.Fatal(err)
	}
	password := strings.TrimSpace(string(raw))
	s := &sender{T: t, url: i.url, secrets: map[string]string{"password": password, "wrong password": "hunter2-hunter2"}}
	const tokens = "/identity/v3/auth/tokens"
	login := func(password string) string {
		return fmt.Sprintf(`{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"admin","domain":{"id":"default"},"password":%q}}}}}`, password)
	}

	header, answer := s.send(201, "POST", tokens, login(password))
	token := header.Get("X-Subject-Token")
	user := answer["token"].(map[string]any)["user"].(map[string]any)["id"].(string)
	s.secrets["token"] = token
	_, answer = s.send(200, "POST", "/identity/v2.0/tokens", fmt.Sprintf(`{"auth":{"tenantName":"demo","passwordCredentials":{"username":"admin","password":%q}}}`, password))
	s.secrets["token by v2"] = answer["access"].(map[string]any)["token"].(map[string]any)["id"].(string)
	header, _ = s.send(201, "POST", tokens, fmt.Sprintf(`{"auth":{"identity":{"methods":["token"],"token":{"id":%q}}}}`, token))
	s.secrets["token by token"] = header.Get("X-Subject-Token")
	credentials := "/identity/v3/users/" + user + "/application_credentials"
	_, answer = s.send(201, "POST", credentials, `{"application_credential":{"name":"ci"}}`, "X-Auth-Token", token)
	made := answer["application_credential"].(map[string]any)
	s.secrets["application credential"] = made["secret"].(string)
	entry := `{"auth":{"identity":{"methods":["application_credential"],"application_credential":{"id":%q,"secret":%q}}}}`
	header, _ = s.send(201, "POST", tokens, fmt.Sprintf(entry, made["id"], made["secret"]))
	s.secrets["token by application credential"] = header.Get("X-Subject-Token")
	_, answer = s.send(200, "POST", "/compute/v2.1/os-keypairs", `{"keypair":{"name":"k"}}`, "X-Auth-Token", token)
	key := answer["keypair"].(map[string]any)["private_key"].(string)
	s.secrets["private key"] = strings.Split(key, "\n")[1]

	// Wrongly: each is refused, and the reason is in the log.
	s.send(401, "POST", tokens, login("hunter2-hunter2"))
	s.send(401, "POST", tokens, fmt.Sprintf(entry, made["id"], "hunter2-hunter2"))
	s.send(400, "POST", tokens, login(password)[:100]+password)
	s.send(400, "POST", tokens, fmt.Sprintf(`{"auth":%q}`, password))
	s.send(400, "POST", credentials, fmt.Sprintf(`{"application_credential":{"name":"ci","secret":%q,"roles":[{"name":"king"}]}}`, password), "X-Auth-Token", token)
	s.send(401, "GET", "/v1/clusters", "", "X-Auth-Token", "hunter2-hunter2")
	s.send(404, "GET", "/identity/v2.0/tokens/"+token, "", "X-Auth-Token", token)
	s.send(404, "DELETE", "/v2.0/tokens/"+token, "", "X-Auth-Token", token)
	s.send(404, "DELETE", "/network/v2.0/tokens/"+token, "", "X-Auth-Token", token)
	s.send(200, "GET", "/v1/clusters?limit=3&token="+token, "", "X-Auth-Token", token)
	s.send(200, "GET", tokens, "", "X-Auth-Token", token, "X-Subject-Token", s.secrets["token by v2"])
	s.send(404, "GET", tokens, "", "X-Auth-Token", token, "X-Subject-Token", "hunter2-hunter2")
	s.send(204, "DELETE", tokens, "", "X-Auth-Token", token, "X-Subject-Token", s.secrets["token by token"])
	i.end(t)

	log := i.log.String()
	if strings.Count(log, "msg=request") < 15 {
		t.Errorf("the log lacks requests:\n%s", log)
	}
	for what, secret := range s.secrets {
		if len(secret) < 12 {
			t.Errorf("%s is %q", what, secret)
		}
		if strings.Contains(log, secret) {
			t.Errorf("the log holds the %s:\n%s", what, log)
		}
	}
}
