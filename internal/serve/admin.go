package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/hanok/hanok/internal/api"
	"github.com/hanok/hanok/internal/api/operator"
	"github.com/hanok/hanok/internal/infra/embedded"
)

// listenOperator opens the operators' socket, which root alone may use. The
// state directory's lock is held, so a socket that is there has no listener.
func listenOperator(stateDir string) (net.Listener, error) {
	path := filepath.Join(stateDir, operator.SocketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open the operators' socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("open the operators' socket: %w", err)
	}
	// Nobody gets in between: the state directory is closed to others.
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("open the operators' socket: %w", err)
	}
	return l, nil
}

// operatorServer serves the operators' commands.
func (s *service) operatorServer(version string, users *embedded.Identity, things *embedded.Catalogue) *http.Server {
	status := func(ctx context.Context) (operator.Status, error) {
		capacity, err := s.driver.Capacity(ctx)
		if err != nil {
			return operator.Status{}, err
		}
		return operator.Status{
			Version: version, PID: os.Getpid(), Installation: s.installation(), StateDir: s.cfg.StateDir,
			Address: s.apiListener.Addr().String(), AgentAddress: s.driver.AgentAddress().String(), Capacity: capacity,
		}, nil
	}
	return api.HTTPServer(operator.New(operator.Config{
		Accounts: users, Catalogue: things, Store: s.store, Status: status, Inspect: s.inspect,
	}), s.log)
}
