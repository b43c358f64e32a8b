package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/fake"
	"github.com/hanok/hanok/internal/serve"
)

// serveCommand makes this program the service under test.
const serveCommand = "serve"

// runService is `hanok serve` on a cloud in memory: it needs no root, and
// everything between the socket and the store is the product's own.
func runService(args []string) error {
	var c serve.Config
	flags := pflag.NewFlagSet(serveCommand, pflag.ContinueOnError)
	c.Register(flags)
	profile := flags.String("profile", "", "file for the CPU profile")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	agents, err := netip.ParseAddrPort(net.JoinHostPort("127.0.0.1", strconv.Itoa(c.AgentPort)))
	if err != nil {
		return err
	}
	return serve.Run(ctx, &c, serve.Options{
		Version: "bench", Log: os.Stderr, Getenv: os.Getenv,
		OpenDriver: func(context.Context, *serve.Config, *slog.Logger) (infra.Driver, error) {
			return fake.New(fake.Options{AgentAddress: agents}), nil
		},
	})
}

// service is the running service under test.
type service struct {
	cmd     *exec.Cmd
	address string
	log     string
}

func startService(ctx context.Context, dir string, o options) (*service, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	api, _, err := freeAddress()
	if err != nil {
		return nil, err
	}
	_, agentPort, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s := &service{address: api, log: filepath.Join(dir, "service.log")}
	args := []string{
		serveCommand, "--listen", api, "--agent-port", agentPort, "--state-dir", dir, "--cache-dir", filepath.Join(dir, "cache"),
	}
	if o.profile != "" {
		args = append(args, "--profile", o.profile)
	}
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.cmd = exec.Command(self, args...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	// A bench that is killed takes the service with it.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	err = poll(ctx, 30*time.Second, "the service is ready", func() error {
		if !serve.Ready(ctx, "http://"+api) {
			return errors.New("it is not")
		}
		return nil
	})
	if err != nil {
		text, _ := os.ReadFile(s.log)
		return nil, errors.Join(err, errors.New(string(text)), s.stop())
	}
	return s, nil
}

// settle waits until the service has looked at the health of every cluster of
// a project once: the first look writes what it finds.
func (s *service) settle(ctx context.Context, t target) error {
	return poll(ctx, 2*time.Minute, "the clusters' health is known", func() error {
		body, err := once(ctx, s.address, request{path: "/v1/clusters", token: t.token})
		if err != nil {
			return err
		}
		if n := strings.Count(body, `"health_status":null`); n > 0 {
			return fmt.Errorf("of %d clusters it is not", n)
		}
		return nil
	})
}

func (s *service) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.cmd.Wait()
}

// cpu is the CPU time that the service has taken so far.
func (s *service) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The name may hold anything; after it stand 11 fields, utime and stime.
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat is %q", s.cmd.Process.Pid, text)
	}
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[12])
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every architecture that Go knows
	return time.Duration(user+system) * tick, err
}

// memory is what the service has resident, in bytes.
type memory struct {
	RSS  int64 `json:"rss_bytes"`
	Anon int64 `json:"anonymous_bytes"`
}

var rollupLine = regexp.MustCompile(`(?m)^(Rss|Anonymous):\s+(\d+) kB`)

func (s *service) memory() (m memory, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", s.cmd.Process.Pid))
	if err != nil {
		return m, err
	}
	for _, match := range rollupLine.FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.ParseInt(match[2], 10, 64)
		if err != nil {
			return m, err
		}
		if match[1] == "Rss" {
			m.RSS = n << 10
		} else {
			m.Anon = n << 10
		}
	}
	return m, nil
}

func freeAddress() (address, port string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	defer l.Close()
	_, port, err = net.SplitHostPort(l.Addr().String())
	return l.Addr().String(), port, err
}

func poll(ctx context.Context, within time.Duration, what string, ask func() error) error {
	deadline := time.Now().Add(within)
	for {
		err := ask()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not within %v: %w", what, within, err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
