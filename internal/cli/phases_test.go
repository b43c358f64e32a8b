package cli

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestPhasesInPipe(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := newPhases(&out)
	p.begin("Compiling kube")(nil)
	done := p.begin("Importing images")
	done(errors.New("no room"))
	done(nil) // said once
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := []string{"Compiling kube ...", "Compiling kube: done in ", "Importing images ...", "Importing images: failed after "}
	if len(lines) != len(want) {
		t.Fatalf("printed %q", lines)
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) || strings.Contains(lines[i], "\r") {
			t.Errorf("line %d is %q, want %q", i, lines[i], want[i])
		}
	}
}

func TestPhasesOnTerminal(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := &phases{w: &out, live: true}
	p.begin("Compiling kube")(nil)
	p.begin("Importing images")(errors.New("no room"))
	got := out.String()
	if !strings.Contains(got, "\r\x1b[K✓ Compiling kube") || !strings.Contains(got, "\r\x1b[K✗ Importing images") {
		t.Errorf("printed %q", got)
	}
	if strings.Count(got, "\n") != 2 {
		t.Errorf("a phase takes one line, printed %q", got)
	}
}

func TestElapsed(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0.0s", 4240 * time.Millisecond: "4.2s", time.Minute: "1m00s", 187 * time.Second: "3m07s", 62*time.Minute + time.Second: "62m01s",
	} {
		if got := elapsed(d); got != want {
			t.Errorf("elapsed(%v) = %q, want %q", d, got, want)
		}
	}
}
