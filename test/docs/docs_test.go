// Package docs keeps what the documentation lists complete.
package docs

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/api/apitest"
	"github.com/hanok/hanok/internal/serve"
)

// TestReadmeNamesWhatIsNotBuilt keeps the README's list complete.
func TestReadmeNamesWhatIsNotBuilt(t *testing.T) {
	t.Parallel()
	readme := read(t, "../../README.md")
	labels := hanok.LabelsNotBuilt()
	if len(labels) == 0 {
		t.Error("no label is left to build: take the list out of the README, and this test")
	}
	for _, label := range labels {
		if !strings.Contains(readme, "`"+label+"`") {
			t.Errorf("README.md does not say that the label %s is not built yet", label)
		}
	}
}

// TestReadmeNamesOperationsThatAreNotBuilt: each has its path's last word there.
func TestReadmeNamesOperationsThatAreNotBuilt(t *testing.T) {
	t.Parallel()
	readme := read(t, "../../README.md")
	for _, op := range apitest.Operations() {
		if !op.MayBeNotBuilt() {
			continue
		}
		word := ""
		for segment := range strings.SplitSeq(op.Path, "/") {
			if !strings.HasPrefix(segment, "{") {
				word = segment
			}
		}
		if !strings.Contains(readme, "`"+word+"`") {
			t.Errorf("README.md does not say that %s (`%s`) is not built yet", op.Name(), word)
		}
	}
}

// TestSettingsAreDocumented keeps the table of settings complete.
func TestSettingsAreDocumented(t *testing.T) {
	t.Parallel()
	page := read(t, "../../docs/operating.md")
	var c serve.Config
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	c.Register(fs)
	fs.VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(page, "`--"+f.Name+"`") {
			t.Errorf("docs/operating.md does not tell of --%s", f.Name)
		}
	})
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
