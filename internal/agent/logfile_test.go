package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRotate(t *testing.T) {
	t.Parallel()
	path := logPath(t.TempDir(), "p")
	f, err := openLog(filepath.Dir(path), "p")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	line := 0
	write := func(n int) {
		for range n {
			fmt.Fprintf(f, "line %06d\n", line)
			line++
		}
	}
	write(1000) // 12 kB
	if err := rotate(path, 64<<10); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".1"); err == nil {
		t.Error("a short log was rotated")
	}
	write(9000)
	if err := rotate(path, 64<<10); err != nil {
		t.Fatal(err)
	}
	write(10) // by the writer that was there before
	old, _ := os.ReadFile(path + ".1")
	now, _ := os.ReadFile(path)
	if len(now) > 64<<10 {
		t.Errorf("%d bytes are left", len(now))
	}
	var want strings.Builder
	for i := range line {
		fmt.Fprintf(&want, "line %06d\n", i)
	}
	if string(old)+string(now) != want.String() {
		t.Error("the two files do not hold every line once, in order")
	}
	if got := lastLine(path); got != "line 010009" {
		t.Errorf("last line %q", got)
	}
}

func TestLastLine(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"": "", "\n\n": "", "one": "one", "one\ntwo\n\n": "two", "bad \xff bytes\n": "bad  bytes",
		strings.Repeat("x", 1000): strings.Repeat("x", 300) + "…",
	} {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := lastLine(path); got != want {
			t.Errorf("%q: got %q, want %q", content, got, want)
		}
	}
}
