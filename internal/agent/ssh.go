package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

// The agent listens for ssh in sshd's place and starts one sshd for each
// connection: nodes that nobody logs in to, nearly all at any time, need not
// hold one.
const (
	sshAddress  = ":22"
	sshProgram  = "sshd"
	maxSessions = 64 // at once, so that connections cannot use the memory up
)

// hostKeysScript makes the machine's host keys when they are first needed;
// they stay on its disk.
const hostKeysScript = `umask 077
mkdir -p /run/sshd && chmod 755 /run/sshd
for type in ed25519 ecdsa; do
	key=/etc/ssh/ssh_host_${type}_key
	[ -s "$key" ] || { rm -f "$key" "$key.pub"; ssh-keygen -q -t "$type" -N '' -f "$key"; }
done
`

// wantsLogins tells whether anybody may log in by ssh.
func wantsLogins(s machine.State) bool { return s.PublicKey != "" && s.LoginUser != "" }

// offerLogins takes ssh connections until ctx ends.
func (a *agent) offerLogins(ctx context.Context) {
	var pause backoff
	for {
		var config net.ListenConfig
		l, err := config.Listen(ctx, "tcp", sshAddress)
		if err == nil {
			pause.reset()
			a.status.clear("ssh")
			err = a.serveLogins(ctx, l, a.makeHostKeys)
		}
		if ctx.Err() != nil {
			return
		}
		a.log.Warn("nobody can log in by ssh; trying again", "err", err)
		a.status.fail("ssh", err)
		if !pause.wait(ctx) {
			return
		}
	}
}

func (a *agent) makeHostKeys(ctx context.Context) error {
	if _, err := a.output(ctx, []string{"sh", "-ec", hostKeysScript}); err != nil {
		return fmt.Errorf("host keys of ssh: %w", err)
	}
	return nil
}

// serveLogins takes the listener's connections, and prepares before the first.
// Sessions outlive it.
func (a *agent) serveLogins(ctx context.Context, l net.Listener, prepare func(context.Context) error) error {
	defer l.Close()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	sessions := make(chan struct{}, maxSessions)
	prepared := false
	for {
		conn, err := l.Accept()
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ECONNABORTED) {
			if !sleep(ctx, 100*time.Millisecond) {
				return ctx.Err()
			}
			continue
		}
		if err != nil {
			return err
		}
		if !prepared {
			if err := prepare(ctx); err != nil {
				conn.Close()
				return err
			}
			prepared = true
		}
		select {
		case sessions <- struct{}{}:
		default:
			a.log.Warn("too many ssh sessions; one more is turned away", "from", conn.RemoteAddr(), "most", maxSessions)
			conn.Close()
			continue
		}
		ends, err := a.startSession(conn)
		conn.Close() // the session has its own
		if err != nil {
			a.log.Error("an ssh session could not be started", "err", err)
			<-sessions
			continue
		}
		go func() {
			<-ends
			<-sessions
		}()
	}
}

// startSession hands a connection to an sshd of its own.
func (a *agent) startSession(conn net.Conn) (<-chan exit, error) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, fmt.Errorf("a connection of type %T has no descriptor", conn)
	}
	socket, err := tcp.File()
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	path, err := a.lookPath(sshProgram)
	if err != nil {
		return nil, err
	}
	log, err := openLog(a.path(logDir), sshProgram)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	// It wants its own absolute path: it starts itself anew for the session.
	_, ends, err := a.reaper.start(path, []string{path, "-i", "-e"}, &syscall.ProcAttr{
		Dir:   "/",
		Env:   []string{defaultPath, "HOME=/root"},
		Files: []uintptr{socket.Fd(), socket.Fd(), log.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return ends, nil
}
