package agent

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

// sshAgent is an agent with an sshd that greets who connects.
func sshAgent(t *testing.T) *agent {
	t.Helper()
	a := &agent{opt: Options{Root: t.TempDir()}, log: slog.New(slog.DiscardHandler)}
	const program = "#!/bin/sh\nread name\necho \"hello $name, this is $*\"\necho served >&2\n"
	if err := writeFile(a.path("/usr/sbin/sshd"), []byte(program), 0o755); err != nil {
		t.Fatal(err)
	}
	a.reaper = newReaper(false, nil)
	t.Cleanup(a.reaper.close)
	return a
}

func TestServeLoginsStartsAServerForEachConnection(t *testing.T) {
	t.Parallel()
	a := sshAgent(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	prepared := 0
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- a.serveLogins(ctx, l, func(context.Context) error { prepared++; return nil })
	}()
	for _, name := range []string{"first", "second"} {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.WriteString(conn, name+"\n"); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn) // ends when the server has
		if want := "hello " + name + ", this is -i -e\n"; err != nil || string(answer) != want {
			t.Errorf("the answer is %q, %v, want %q", answer, err, want)
		}
	}
	stop()
	if err := <-ended; err == nil || ctx.Err() == nil {
		t.Errorf("serveLogins = %v", err)
	}
	if prepared != 1 {
		t.Errorf("prepared %d times", prepared)
	}
	if conn, err := net.Dial("tcp", l.Addr().String()); err == nil {
		conn.Close()
		t.Error("connections are still taken")
	}
	if line := lastLine(logPath(a.path(logDir), sshProgram)); !strings.Contains(line, "served") {
		t.Errorf("the log ends with %q", line)
	}
}

func TestServeLoginsTellsWhatPreparingNeeds(t *testing.T) {
	t.Parallel()
	a := sshAgent(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	want := errors.New("no keys")
	if err := a.serveLogins(t.Context(), l, func(context.Context) error { return want }); !errors.Is(err, want) {
		t.Errorf("serveLogins = %v, want %v", err, want)
	}
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if answer, _ := io.ReadAll(conn); len(answer) != 0 {
		t.Errorf("the connection got %q", answer)
	}
}

func TestWantsLogins(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		state machine.State
		want  bool
	}{
		{machine.State{}, false},
		{machine.State{LoginUser: "debian"}, false},
		{machine.State{PublicKey: "ssh-ed25519 AAAA"}, false},
		{machine.State{LoginUser: "debian", PublicKey: "ssh-ed25519 AAAA"}, true},
	} {
		if got := wantsLogins(c.state); got != c.want {
			t.Errorf("wantsLogins(%+v) = %v", c.state, got)
		}
	}
}
