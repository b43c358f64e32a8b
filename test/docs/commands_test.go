package docs

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok/test/harness"
)

// What the pages print is run as it stands, each page as one script, where
// `make up` would have left what they begin with.
func TestCommandsOfThePages(t *testing.T) {
	t.Parallel()
	s := harness.StartService(t)
	for _, page := range []struct{ name, needs string }{{"curl.md", "jq"}, {"openstack.md", "openstack"}} {
		t.Run(page.name, func(t *testing.T) {
			if _, err := exec.LookPath(page.needs); err != nil {
				t.Skipf("%s is not installed: scripts/packages.sh --test installs it", page.needs)
			}
			dir := t.TempDir()
			runPage(t, s, dir, filepath.Join("..", "..", "docs", page.name))
			// Pages clean up after themselves.
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if e.Name() != "run" {
					t.Errorf("the page leaves %s behind", e.Name())
				}
			}
			clusters, err := s.Client.Clusters(t.Context())
			if err != nil || len(clusters) > 0 {
				t.Errorf("the page leaves clusters behind: %v, %v", clusters, err)
			}
		})
	}
}

var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

func runPage(t *testing.T, s *harness.Service, dir, page string) {
	t.Helper()
	text := read(t, page)
	var script strings.Builder
	script.WriteString("set -euo pipefail\n")
	blocks := shellBlock.FindAllStringSubmatch(text, -1)
	if len(blocks) < 3 {
		t.Fatalf("%s has %d blocks of commands", page, len(blocks))
	}
	for _, block := range blocks {
		script.WriteString("(echo; echo '== next block') >&2\n" + block[1])
	}
	var openrc strings.Builder
	for _, v := range s.Env {
		name, value, _ := strings.Cut(v, "=")
		openrc.WriteString("export " + name + "='" + value + "'\n")
	}
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "run", "openrc"), []byte(openrc.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script.String())
	cmd.Dir = dir
	// The bundle's kubectl stands before any other.
	cmd.Env = []string{"PATH=" + filepath.Dir(s.Kubectl) + ":" + os.Getenv("PATH"), "HOME=" + dir + "/run", "LANG=C.UTF-8"}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil || strings.Contains(out.String(), "_FAILED") {
		t.Errorf("%s: %v\n%s", page, err, out.String())
	}
	if testing.Verbose() {
		t.Log(out.String())
	}
}
