package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// The services of the catalogue that the client asks, by type.
const (
	containerInfra = "container-infra"
	compute        = "compute"
	network        = "network"
	image          = "image"
	volume         = "volumev3"
)

// otherTypes are names that a service goes by elsewhere.
var otherTypes = map[string][]string{
	containerInfra: {"container-infrastructure-management", "container-infrastructure", "kubernetes"},
	volume:         {"block-storage", "block-store", "volume"},
}

// session is a token and what came with it.
type session struct {
	token     string
	projectID string
	userID    string
	expires   time.Time
	region    string
	iface     string
	override  string // the container-infra API, whatever the catalogue says
	catalog   []service
}

type service struct {
	Type      string `json:"type"`
	Name      string `json:"name"`
	Endpoints []struct {
		Interface string `json:"interface"`
		Region    string `json:"region"`
		URL       string `json:"url"`
	} `json:"endpoints"`
}

// endpoint gives a service's base URL without a trailing slash.
func (s *session) endpoint(kind string) (string, error) {
	if kind == containerInfra && s.override != "" {
		return withV1(s.override), nil
	}
	for _, name := range append([]string{kind}, otherTypes[kind]...) {
		for _, svc := range s.catalog {
			if svc.Type != name {
				continue
			}
			for _, e := range svc.Endpoints {
				if e.Interface == s.iface && (s.region == "" || e.Region == s.region) {
					url := strings.TrimSuffix(e.URL, "/")
					if kind == containerInfra {
						url = withV1(url)
					}
					return url, nil
				}
			}
		}
	}
	where := s.iface + " interface"
	if s.region != "" {
		where += ", region " + s.region
	}
	return "", fmt.Errorf("the service catalogue has no %s endpoint (%s): check OS_REGION_NAME and OS_INTERFACE", kind, where)
}

// withV1 gives the versioned base of the container-infra API: the catalogue's
// "kubernetes" entry and many a configuration name it without.
func withV1(url string) string {
	url = strings.TrimSuffix(url, "/")
	if strings.HasSuffix(url, "/v1") {
		return url
	}
	return url + "/v1"
}

// login gives the session, and makes one when there is none or fresh is asked.
func (c *Client) login(ctx context.Context, fresh bool) (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil && !fresh {
		return c.session, nil
	}
	iface := c.opts.Interface
	if iface == "" {
		iface = "public"
	}
	s := &session{region: c.opts.Region, iface: iface, override: c.opts.Endpoint}
	if c.opts.Token != "" && c.opts.Endpoint != "" {
		s.token = c.opts.Token
		c.session = s
		return s, nil
	}
	body, err := json.Marshal(c.opts.authRequest())
	if err != nil {
		return nil, fmt.Errorf("build the token request: %w", err)
	}
	answer, header, err := c.send(ctx, request{method: http.MethodPost, url: v3(c.opts.AuthURL) + "/auth/tokens", body: body})
	if StatusOf(err) == http.StatusUnauthorized {
		return nil, fmt.Errorf("log in: %s: %w", c.opts.suspects(), err)
	}
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	var t struct {
		Token struct {
			ExpiresAt time.Time `json:"expires_at"`
			Project   struct {
				ID string `json:"id"`
			} `json:"project"`
			User struct {
				ID string `json:"id"`
			} `json:"user"`
			Catalog []service `json:"catalog"`
		} `json:"token"`
	}
	if err := decode("auth/tokens", answer, &t); err != nil {
		return nil, err
	}
	s.token = header.Get("X-Subject-Token")
	if s.token == "" {
		return nil, fmt.Errorf("log in: %s answered without X-Subject-Token: is OS_AUTH_URL an identity service?", c.opts.AuthURL)
	}
	s.projectID, s.userID, s.expires, s.catalog = t.Token.Project.ID, t.Token.User.ID, t.Token.ExpiresAt, t.Token.Catalog
	c.session = s
	return s, nil
}

// Token gives the token in use, its expiry, its project's and its user's id.
func (c *Client) Token(ctx context.Context) (token string, expires time.Time, projectID, userID string, err error) {
	s, err := c.login(ctx, false)
	if err != nil {
		return "", time.Time{}, "", "", err
	}
	return s.token, s.expires, s.projectID, s.userID, nil
}

// v3 gives the v3 root of an identity address, whichever version it names.
func v3(url string) string {
	url = strings.TrimSuffix(url, "/")
	url = strings.TrimSuffix(strings.TrimSuffix(url, "/v2.0"), "/v3")
	return url + "/v3"
}

// suspects says what may be wrong when a login is refused.
func (o Options) suspects() string {
	if o.byCredential() {
		return "the application credential or its secret is wrong, or it has ended (OS_APPLICATION_CREDENTIAL_*)"
	}
	return "the user, the password or the project is wrong (OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME)"
}

// authRequest is the body of POST /v3/auth/tokens.
func (o Options) authRequest() map[string]any {
	domain := func(name, id string) map[string]any {
		if id != "" {
			return map[string]any{"id": id}
		}
		if name != "" {
			return map[string]any{"name": name}
		}
		return map[string]any{"id": "default"}
	}
	user := map[string]any{}
	if o.UserID != "" {
		user["id"] = o.UserID
	} else {
		user["name"] = o.Username
		user["domain"] = domain(o.UserDomainName, o.UserDomainID)
	}
	identity := map[string]any{}
	switch {
	case o.Token != "":
		identity["methods"] = []string{"token"}
		identity["token"] = map[string]any{"id": o.Token}
	case o.byCredential():
		credential := map[string]any{"id": o.CredentialID, "secret": o.CredentialSecret}
		if o.CredentialID == "" {
			credential = map[string]any{"name": o.CredentialName, "secret": o.CredentialSecret, "user": user}
		}
		identity["methods"] = []string{"application_credential"}
		identity["application_credential"] = credential
		return map[string]any{"auth": map[string]any{"identity": identity}}
	default:
		user["password"] = o.Password
		identity["methods"] = []string{"password"}
		identity["password"] = map[string]any{"user": user}
	}
	auth := map[string]any{"identity": identity}
	switch {
	case o.ProjectID != "":
		auth["scope"] = map[string]any{"project": map[string]any{"id": o.ProjectID}}
	case o.ProjectName != "":
		auth["scope"] = map[string]any{"project": map[string]any{
			"name": o.ProjectName, "domain": domain(o.ProjectDomainName, o.ProjectDomainID),
		}}
	}
	return map[string]any{"auth": auth}
}
