package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

func TestInOrder(t *testing.T) {
	t.Parallel()
	p := func(name string, after ...string) machine.Process { return machine.Process{Name: name, After: after} }
	tests := []struct {
		name  string
		given []machine.Process
		want  string // names, or the error's text
	}{
		{"nothing", nil, ""},
		{"as given", []machine.Process{p("a"), p("b"), p("c")}, "a b c"},
		{"after", []machine.Process{p("c", "b"), p("b", "a"), p("a")}, "a b c"},
		{"diamond", []machine.Process{p("d", "b", "c"), p("c", "a"), p("b", "a"), p("a")}, "a b c d"},
		{"circle", []machine.Process{p("a", "b"), p("b", "a")}, "waits for itself"},
		{"unknown", []machine.Process{p("a", "x")}, `after "x"`},
		{"twice", []machine.Process{p("a"), p("a")}, "there twice"},
		{"no name", []machine.Process{p("")}, "is empty"},
		{"path as a name", []machine.Process{p("../a")}, "no file name"},
	}
	for _, tt := range tests {
		got, err := inOrder(tt.given)
		var names []string
		for _, p := range got {
			names = append(names, p.Name)
		}
		text := strings.Join(names, " ")
		if err != nil {
			text = err.Error()
		}
		if text != tt.want && (err == nil || !strings.Contains(text, tt.want)) {
			t.Errorf("%s: got %q, want %q", tt.name, text, tt.want)
		}
	}
}

func TestParseProcStat(t *testing.T) {
	t.Parallel()
	rest := " S 17 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20"
	for _, name := range []string{"sh", "a b", "x) S 99 (y"} {
		got, err := parseProcStat([]byte("123 (" + name + ")" + rest))
		if err != nil || got.parent != 17 || got.startTime != 4711 {
			t.Errorf("%q: %+v, %v", name, got, err)
		}
	}
	if _, err := parseProcStat([]byte("123 (sh) S 1")); err == nil {
		t.Error("a short line was taken")
	}
	if got, err := readProcStat(os.Getpid()); err != nil || got.parent != os.Getppid() || got.startTime == 0 {
		t.Errorf("ourselves: %+v, %v", got, err)
	}
}

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

func TestEnsureFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "dir/file")
	if err := ensureFile(path, []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	before, _ := os.Stat(path)
	if err := ensureFile(path, []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(path); !os.SameFile(before, after) {
		t.Error("a file that was as wanted was replaced")
	}
	if err := ensureFile(path, []byte("a"), 0o644); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(path); after.Mode() != 0o644 {
		t.Errorf("mode %v", after.Mode())
	}
	entries, _ := os.ReadDir(filepath.Dir(path))
	if len(entries) != 1 {
		t.Errorf("temporary files are left: %v", entries)
	}
}

func TestAuthorizeKey(t *testing.T) {
	t.Parallel()
	a := &agent{opt: Options{Root: t.TempDir()}}
	passwd := fmt.Sprintf("root:x:0:0:root:/root:/bin/sh\ndebian:x:%d:%d::/home/debian:/bin/bash\n", os.Getuid(), os.Getgid())
	if err := writeFile(a.path("/etc/passwd"), []byte(passwd), 0o644); err != nil {
		t.Fatal(err)
	}
	file := a.path("/home/debian/.ssh/authorized_keys")
	state := machine.State{LoginUser: "debian", PublicKey: "ssh-ed25519 AAAA me\n"}
	if err := a.authorizeKey(state); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(file); string(b) != "ssh-ed25519 AAAA me\n" {
		t.Errorf("authorized keys: %q", b)
	}
	if info, err := os.Stat(filepath.Dir(file)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	state.PublicKey = ""
	if err := a.authorizeKey(state); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a key that is not wanted any more still opens the machine")
	}
	state.LoginUser = "nobody-here"
	state.PublicKey = "x"
	if err := a.authorizeKey(state); err == nil {
		t.Error("no error for a user who does not exist")
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var b backoff
	began := time.Now()
	if !b.wait(ctx) || time.Since(began) > 10*minPause {
		t.Errorf("the first pause took %v", time.Since(began))
	}
	for range 20 {
		b.next *= 2
		if b.next > 4*maxPause {
			break
		}
	}
	cancel()
	if b.wait(ctx) {
		t.Error("a pause of an ended context was waited for")
	}
	if b.next > 2*maxPause {
		t.Errorf("the next pause is %v", b.next)
	}
}

func TestAllowance(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := allowance{last: now, left: reportBurst}
	for i := range reportBurst {
		if wait := b.take(now); wait != 0 {
			t.Fatalf("use %d of the burst waits %v", i, wait)
		}
	}
	sent := 0
	for end := now.Add(10 * time.Second); now.Before(end); sent++ {
		now = now.Add(b.take(now))
	}
	if sent < 10*reportRate-5 || sent > 10*reportRate+5 {
		t.Errorf("%d in ten seconds, want about %d", sent, 10*reportRate)
	}
	if wait := b.take(now.Add(time.Minute)); wait != 0 {
		t.Errorf("after a quiet minute it waits %v", wait)
	}
}
