package client_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/hanok/hanok/internal/client"
	"github.com/hanok/hanok/internal/client/clienttest"
)

// connect makes a client of the server's user; change adapts its variables.
func connect(t *testing.T, s *clienttest.Server, change map[string]string) *client.Client {
	t.Helper()
	env := s.Env()
	for k, v := range change {
		env[k] = v
	}
	o, err := client.OptionsFromEnv(func(k string) string { return env[k] })
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestClustersOfAllPages(t *testing.T) {
	t.Parallel()
	s := clienttest.New(t)
	s.PageSize = 2
	var want []string
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		want = append(want, s.AddCluster(name))
	}
	got, err := connect(t, s, nil).Clusters(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var uuids []string
	for _, c := range got {
		uuids = append(uuids, c.UUID)
	}
	if !slices.Equal(uuids, want) {
		t.Errorf("got %v, want %v", uuids, want)
	}
	if !strings.Contains(string(got[0].Raw), "a_field_of_tomorrow") {
		t.Errorf("the answer's own JSON is lost: %s", got[0].Raw)
	}
	for _, v := range s.Microversions() {
		if v != "container-infra latest" {
			t.Errorf("a request carried OpenStack-API-Version %q", v)
		}
	}
}

func TestTokenIsRenewedWhenItExpires(t *testing.T) {
	t.Parallel()
	s := clienttest.New(t)
	s.AddCluster("a")
	c := connect(t, s, nil)
	for range 2 {
		if _, err := c.Cluster(context.Background(), "a"); err != nil {
			t.Fatal(err)
		}
		s.ExpireToken()
	}
}

func TestTokenOfTheUser(t *testing.T) {
	t.Parallel()
	s := clienttest.New(t)
	s.AddCluster("a")
	ctx := context.Background()
	token, expires, project, user, err := connect(t, s, nil).Token(ctx)
	if err != nil || project != "p1" || user != "u1" || expires.Year() != 2099 {
		t.Fatalf("token of project %q, user %q until %v: %v", project, user, expires, err)
	}

	// With an endpoint, the identity service is not asked at all.
	direct := connect(t, s, map[string]string{
		"OS_TOKEN": token, "OS_ENDPOINT": strings.TrimSuffix(s.URL, "/identity/v3"), "OS_AUTH_URL": "http://identity.invalid", "OS_PASSWORD": "",
	})
	if _, err := direct.Cluster(ctx, "a"); err != nil {
		t.Error(err)
	}
	// Without, the token is traded for one with a catalogue.
	traded := connect(t, s, map[string]string{"OS_TOKEN": token, "OS_PASSWORD": ""})
	if _, err := traded.Cluster(ctx, "a"); err != nil {
		t.Error(err)
	}
	// A token that has expired cannot be renewed without a password.
	s.ExpireToken()
	if _, err := direct.Cluster(ctx, "a"); client.StatusOf(err) != http.StatusUnauthorized {
		t.Errorf("with an expired token: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	tests := map[string]struct {
		env    map[string]string
		call   func(*client.Client) error
		status int
		want   string
	}{
		"wrong password": {map[string]string{"OS_PASSWORD": "x"}, nil, 401, "OS_PASSWORD"},
		"wrong region":   {map[string]string{"OS_REGION_NAME": "Nowhere"}, nil, 0, "OS_REGION_NAME"},
		"not found":      {nil, nil, 404, "cluster x could not be found"},
		"bad request": {nil, func(c *client.Client) error {
			_, err := c.CreateCluster(ctx, []byte(`{}`))
			return err
		}, 400, "name: is missing"},
		"nobody listens": {map[string]string{"OS_AUTH_URL": "http://127.0.0.1:1/v3"}, nil, 0, "hanok serve"},
		"https to http":  {map[string]string{"OS_AUTH_URL": "https"}, nil, 0, "http://"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := clienttest.New(t)
			if tt.env["OS_AUTH_URL"] == "https" {
				tt.env["OS_AUTH_URL"] = strings.Replace(s.URL, "http://", "https://", 1)
			}
			if tt.call == nil {
				tt.call = func(c *client.Client) error {
					_, err := c.Cluster(ctx, "x")
					return err
				}
			}
			err := tt.call(connect(t, s, tt.env))
			if err == nil || client.StatusOf(err) != tt.status || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got status %d, %v; want %d and %q", client.StatusOf(err), err, tt.status, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), clienttest.Password) {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

// TestErrorShapes reads the error bodies of the other services, and what
// comes from a proxy.
func TestErrorShapes(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"errors":[{"status":409,"title":"Conflict","detail":"an operation is running","request_id":"req-9"}]}`: "an operation is running",
		`{"error":{"code":403,"title":"Forbidden","message":"you may not"}}`:                                     "you may not",
		`{"NeutronError":{"type":"SubnetNotFound","message":"no such subnet","detail":""}}`:                      "no such subnet",
		`{"itemNotFound":{"code":404,"message":"no such flavor"}}`:                                               "no such flavor",
		"<html>\n<h1>Bad gateway</h1>": "<html>",
		"":                             "Conflict",
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusConflict)
			w.Write([]byte(body))
		}))
		c, err := client.New(client.Options{Token: "t", Endpoint: srv.URL})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Clusters(context.Background())
		var e *client.Error
		if !errors.As(err, &e) || e.Status != 409 || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", body, err, want)
		}
		srv.Close()
	}
}

func TestOptionsFromEnv(t *testing.T) {
	t.Parallel()
	complete := map[string]string{"OS_AUTH_URL": "http://x/v3", "OS_USERNAME": "u", "OS_PASSWORD": "p"}
	tests := []struct {
		without, with string
		want          string // in the error; "" is fine
	}{
		{"", "", ""},
		{"OS_AUTH_URL", "", "OS_AUTH_URL"},
		{"OS_USERNAME", "", "OS_USERNAME"},
		{"OS_USERNAME", "OS_USER_ID", ""},
		{"OS_PASSWORD", "", "OS_PASSWORD"},
		{"OS_PASSWORD", "OS_TOKEN", ""},
	}
	for _, tt := range tests {
		_, err := client.OptionsFromEnv(func(k string) string {
			if k == tt.without {
				return ""
			}
			if k == tt.with {
				return "x"
			}
			return complete[k]
		})
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("without %s, with %s: got %v, want %q", tt.without, tt.with, err, tt.want)
		}
	}
	o, err := client.OptionsFromEnv(func(k string) string {
		return map[string]string{"OS_AUTH_URL": "a", "OS_USERNAME": "u", "OS_PASSWORD": "p",
			"OS_TENANT_NAME": "t", "OS_ENDPOINT_TYPE": "internalURL", "OS_INSECURE": "True"}[k]
	})
	if err != nil || o.ProjectName != "t" || o.Interface != "internal" || !o.Insecure {
		t.Errorf("older names: %+v, %v", o, err)
	}
}
