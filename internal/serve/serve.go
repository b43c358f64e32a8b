package serve

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/hanok/hanok/internal/infra"
)

// Options are what a run has of the world around it.
type Options struct {
	Version string
	Log     io.Writer
	Getenv  func(string) string
	// OpenDriver opens the driver; nil is this machine's.
	OpenDriver func(context.Context, *Config, *slog.Logger) (infra.Driver, error)
}

// Run is the service: it returns when ctx ends, having stopped in good order,
// or when a part of it fails. A second one on the same state directory is
// refused.
func Run(ctx context.Context, c *Config, o Options) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if o.OpenDriver == nil {
		if os.Geteuid() != 0 {
			return fmt.Errorf("machines on this host need root: run hanok serve as root")
		}
		o.OpenDriver = openLocal
	}
	log := c.logger(o.Log)
	owner, err := own(c.StateDir)
	if err != nil {
		return err
	}
	defer owner.release()
	s, err := assemble(ctx, c, o, log)
	if err != nil {
		return err
	}
	defer s.close()
	err = s.run(ctx, func() {
		log.Info("serving", "version", o.Version, "address", s.apiListener.Addr().String(), "tls", c.TLSCert != "",
			"machines_dial", s.driver.AgentAddress().String(), "state_dir", c.StateDir, "driver", s.driver.Name(), "pid", os.Getpid())
		if err := notifyReady(o.Getenv("NOTIFY_SOCKET")); err != nil {
			log.Warn("not told", "error", err)
		}
	})
	log.Info("stopped")
	return err
}
