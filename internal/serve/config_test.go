package serve

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// load parses a command line, an environment and a file as serve does.
func load(t *testing.T, args []string, env map[string]string, file string) (Config, error) {
	t.Helper()
	var c Config
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	c.Register(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	path := ""
	if file != "" {
		path = filepath.Join(t.TempDir(), "hanok.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := Load(fs, func(k string) string { return env[k] }, path)
	return c, err
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	file := "listen: 127.0.0.1:3\nregion: file\nworkers: 3\n"
	env := map[string]string{"HANOK_LISTEN": "127.0.0.1:2", "HANOK_REGION": "env"}
	c, err := load(t, []string{"--listen", "127.0.0.1:1"}, env, file)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:1" || c.Region != "env" || c.Workers != 3 || c.AgentPort != 9512 {
		t.Errorf("got listen %s (want the flag's), region %s (the environment's), workers %d (the file's), agent port %d (the default)",
			c.Listen, c.Region, c.Workers, c.AgentPort)
	}
}

func TestRegistryMirrors(t *testing.T) {
	t.Parallel()
	want := "docker.io=http://a:5000 docker.io=http://b:5000 quay.io=http://c:5000"
	tests := map[string]struct {
		args []string
		env  map[string]string
		file string
	}{
		"flags":         {args: []string{"--registry-mirror", "docker.io=http://a:5000", "--registry-mirror", "docker.io=http://b:5000", "--registry-mirror", "quay.io=http://c:5000"}},
		"environment":   {env: map[string]string{"HANOK_REGISTRY_MIRROR": want}},
		"file, by host": {file: "registry_mirror:\n  docker.io: [http://a:5000, http://b:5000]\n  quay.io: http://c:5000\n"},
		"file, a list":  {file: "registry_mirror: ['docker.io=http://a:5000', 'docker.io=http://b:5000', 'quay.io=http://c:5000']\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := load(t, tt.args, tt.env, tt.file)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(c.RegistryMirrors, " "); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if err := c.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		env        map[string]string
		file, want string
	}{
		"unknown key":   {file: "listn: x\n", want: "listn"},
		"wrong type":    {file: "workers: many\n", want: "workers"},
		"two values":    {file: "listen: [a, b]\n", want: "listen"},
		"no value":      {file: "listen:\n", want: "listen"},
		"not YAML":      {file: "{", want: "hanok.yaml"},
		"twice":         {file: "listen: a\nlisten: b\n", want: "listen"},
		"environment":   {env: map[string]string{"HANOK_WORKERS": "x"}, want: "HANOK_WORKERS"},
		"missing units": {file: "token_lifetime: 12\n", want: "token_lifetime"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, nil, tt.env, tt.file)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error that names %s", err, tt.want)
			}
		})
	}
	if err := Load(pflag.NewFlagSet("", pflag.ContinueOnError), os.Getenv, "/nonexistent/hanok.yaml"); err == nil {
		t.Error("a configuration file that is not there passed")
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args []string
		want string // in the error; "" is valid
	}{
		{nil, ""},
		{[]string{"--listen", "[::1]:9511"}, ""},
		{[]string{"--listen", "localhost:9511"}, ""},
		{[]string{"--listen", "127.8.8.8:9511"}, ""},
		{[]string{"--listen", ":9511"}, "clear text"},
		{[]string{"--listen", "0.0.0.0:9511"}, "clear text"},
		{[]string{"--listen", "example.org:9511"}, "clear text"},
		{[]string{"--listen", "0.0.0.0:9511", "--insecure-clear-text"}, ""},
		{[]string{"--listen", "0.0.0.0:9511", "--tls-cert", "c", "--tls-key", "k"}, ""},
		{[]string{"--listen", "9511"}, "listen"},
		{[]string{"--tls-cert", "c"}, "tls-key"},
		{[]string{"--public-url", "api.example.org"}, "public-url"},
		{[]string{"--state-dir", "state"}, "state-dir"},
		{[]string{"--cache-dir", ""}, "cache-dir"},
		{[]string{"--agent-port", "0"}, "agent-port"},
		{[]string{"--workers", "0"}, "workers"},
		{[]string{"--cpu-overcommit", "0.5"}, "cpu-overcommit"},
		{[]string{"--user-script-timeout", "10ms"}, "user-script-timeout"},
		{[]string{"--token-lifetime", "1s"}, "token-lifetime"},
		{[]string{"--control-plane-memory-mb", "100"}, "control-plane-memory-mb"},
		{[]string{"--registry-mirror", "docker.io"}, "registry-mirror"},
		{[]string{"--registry-mirror", "docker.io=mirror"}, "registry-mirror"},
		{[]string{"--http-proxy", "proxy"}, "http-proxy"},
		{[]string{"--log-format", "xml"}, "log-format"},
		{[]string{"--log-level", "loud"}, "log-level"},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			t.Parallel()
			c, err := load(t, tt.args, nil, "")
			if err != nil {
				t.Fatal(err)
			}
			err = c.Validate()
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want an error about %s", err, tt.want)
			}
		})
	}
}

func TestProxyPasswordsAreNotShown(t *testing.T) {
	t.Parallel()
	c, err := load(t, []string{"--http-proxy", "user:hunter2@proxy"}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want an error without the password", err)
	}
}
