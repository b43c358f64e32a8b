package client

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Options tell where the service is and who calls. They mirror the OS_*
// variables that every OpenStack client reads.
type Options struct {
	AuthURL           string // OS_AUTH_URL, ".../v3" or the identity root
	Username          string
	UserID            string
	UserDomainName    string
	UserDomainID      string
	Password          string
	ProjectID         string
	ProjectName       string
	ProjectDomainName string
	ProjectDomainID   string
	// An application credential, by id or by name and user, is used instead of
	// a password; it is for one project, and the others above are not read.
	CredentialID     string
	CredentialName   string
	CredentialSecret string
	// Token is used instead of a password. With Endpoint set, nothing is asked
	// of the identity service at all.
	Token     string
	Endpoint  string // OS_ENDPOINT: base URL of the container-infra API
	Region    string // "" takes the catalogue's first
	Interface string // "public" when empty
	CACert    string // path of a PEM file; "" trusts the system's
	Insecure  bool   // TLS certificates are not checked
	UserAgent string
	// Timeout bounds one request, uploads apart; 0 is 60 s.
	Timeout time.Duration
	// Wrap, if set, gives what requests are sent through instead of the
	// client's own transport; tests look at answers with it.
	Wrap func(http.RoundTripper) http.RoundTripper
}

// OptionsFromEnv reads the OS_* variables through getenv. What is missing or
// contradicts itself is an error that names the variable.
func OptionsFromEnv(getenv func(string) string) (Options, error) {
	first := func(names ...string) string {
		for _, n := range names {
			if v := getenv(n); v != "" {
				return v
			}
		}
		return ""
	}
	o := Options{
		AuthURL:           getenv("OS_AUTH_URL"),
		Username:          getenv("OS_USERNAME"),
		UserID:            getenv("OS_USER_ID"),
		UserDomainName:    first("OS_USER_DOMAIN_NAME", "OS_DEFAULT_DOMAIN_NAME"),
		UserDomainID:      first("OS_USER_DOMAIN_ID", "OS_DEFAULT_DOMAIN"),
		Password:          getenv("OS_PASSWORD"),
		ProjectID:         first("OS_PROJECT_ID", "OS_TENANT_ID"),
		ProjectName:       first("OS_PROJECT_NAME", "OS_TENANT_NAME"),
		ProjectDomainName: first("OS_PROJECT_DOMAIN_NAME", "OS_DEFAULT_DOMAIN_NAME"),
		ProjectDomainID:   first("OS_PROJECT_DOMAIN_ID", "OS_DEFAULT_DOMAIN"),
		CredentialID:      getenv("OS_APPLICATION_CREDENTIAL_ID"),
		CredentialName:    getenv("OS_APPLICATION_CREDENTIAL_NAME"),
		CredentialSecret:  getenv("OS_APPLICATION_CREDENTIAL_SECRET"),
		Token:             first("OS_TOKEN", "OS_AUTH_TOKEN"),
		Endpoint:          first("OS_ENDPOINT", "OS_ENDPOINT_OVERRIDE"),
		Region:            getenv("OS_REGION_NAME"),
		Interface:         strings.TrimSuffix(first("OS_INTERFACE", "OS_ENDPOINT_TYPE"), "URL"),
		CACert:            getenv("OS_CACERT"),
		Insecure:          isTrue(getenv("OS_INSECURE")),
	}
	return o, o.Validate()
}

// Validate tells, naming the variable, what is missing to reach the service.
func (o Options) Validate() error {
	const hint = "; read them from a file with: . run/openrc"
	switch {
	case o.Token != "" && o.Endpoint != "":
		return nil
	case o.AuthURL == "":
		return fmt.Errorf("OS_AUTH_URL is not set: it is the identity service's address, such as http://127.0.0.1:9511/identity/v3%s", hint)
	case o.Token != "":
		return nil
	case o.byCredential() && o.CredentialSecret == "":
		return fmt.Errorf("OS_APPLICATION_CREDENTIAL_SECRET is not set%s", hint)
	case o.CredentialID != "":
		return nil
	case o.Username == "" && o.UserID == "":
		return fmt.Errorf("neither OS_USERNAME nor OS_USER_ID is set%s", hint)
	case o.Password == "" && !o.byCredential():
		return fmt.Errorf("neither OS_PASSWORD nor OS_TOKEN is set%s", hint)
	}
	return nil
}

func (o Options) byCredential() bool { return o.CredentialID != "" || o.CredentialName != "" }

func isTrue(s string) bool {
	switch strings.ToLower(s) {
	case "1", "true", "yes", "on":
		return true
	}
	return false
}
