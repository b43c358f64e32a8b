package cli

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hanok/hanok/internal/client"
)

// follow shows an operation with two phases, the first with two details.
func follow(p *progress, err error) error {
	return p.run(func(seen func(client.Progress)) error {
		for _, contents := range []string{"", "1/2 machines: 0 of 2 run", "1/2 machines: 1 of 2 run", "2/2 nodes: a name that is longer than the terminal is wide"} {
			seen(client.Progress{Contents: contents})
			seen(client.Progress{Contents: contents}) // what is not new is not shown again
			if p.live {
				time.Sleep(150 * time.Millisecond) // the live line is drawn each 100 ms
			}
		}
		return err
	})
}

func TestProgressInAPipe(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := follow(newProgress(&out), nil); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || strings.ContainsAny(out.String(), "\r\x1b") {
		t.Fatalf("want three plain lines, got %q", out.String())
	}
	for i, want := range []string{"1/2 machines: 0 of 2 run", "1/2 machines: 1 of 2 run", "2/2 nodes: a name"} {
		if !regexp.MustCompile(`^\[ +[0-9.]+s\] ` + regexp.QuoteMeta(want)).MatchString(lines[i]) {
			t.Errorf("line %d is %q, want the time and %q", i, lines[i], want)
		}
	}
}

func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, progressOnATerminal) // its sleeps take no time
}

func progressOnATerminal(t *testing.T) {
	for _, tt := range []struct {
		err  error
		last string
	}{{nil, "✓ 2/2 nodes"}, {errors.New("failed"), "✗ 2/2 nodes"}} {
		var out bytes.Buffer
		p := newProgress(&out)
		p.live, p.width = true, 40
		if err := follow(p, tt.err); err != tt.err {
			t.Fatalf("got %v", err)
		}
		// What is on the screen is what follows the last return of each line.
		var screen []string
		for line := range strings.Lines(out.String()) {
			frames := strings.Split(strings.TrimSuffix(line, "\n"), "\r\x1b[K")
			for _, f := range frames {
				if n := len([]rune(f)); n > 60 {
					t.Errorf("a frame of %d columns on a terminal of %d: %q", n, p.width, f)
				}
			}
			screen = append(screen, frames[len(frames)-1])
		}
		if len(screen) != 2 || !strings.HasPrefix(screen[0], "✓ 1/2 machines ") || !strings.HasPrefix(screen[1], tt.last) {
			t.Errorf("the screen shows %q", screen)
		}
		if !strings.Contains(out.String(), "1/2 machines: 1 of 2 run") {
			t.Errorf("the live line never showed the details: %q", out.String())
		}
	}
}

func TestSystemProgramsAreInThePath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/usr/bin:/bin":           "/usr/bin:/bin:/usr/sbin:/sbin",
		"/usr/sbin:/usr/bin:/bin": "/usr/sbin:/usr/bin:/bin:/sbin",
	} {
		if got := withSystemPrograms(path); got != want {
			t.Errorf("%s becomes %s, want %s", path, got, want)
		}
	}
}
