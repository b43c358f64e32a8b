package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hanok/hanok/internal/serve"
	"github.com/hanok/hanok/kubernetes/settle"
)

func newServeCommand(e env) *cobra.Command {
	var c serve.Config
	var file string
	settings := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	c.Register(settings)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the service",
		Args:  cobra.NoArgs,
		Long: `Run the service in the foreground: the API, and what makes machines and
clusters of it. It needs root. A signal (SIGINT, SIGTERM) stops it in good
order; clusters run on, and operations go on when it is back.

Each setting is a flag, an environment variable (HANOK_ and the flag's name in
capitals, "-" as "_": HANOK_STATE_DIR) or a key of the YAML file given by
--config ("-" as "_": state_dir), in this order.

It listens on the loopback address in clear text; on any other it wants
--tls-cert and --tls-key. The certificate is read again when its file changes.`,
		Example: `  hanok serve
  hanok serve --config /etc/hanok/hanok.yaml
  hanok serve --listen 0.0.0.0:9511 --tls-cert cert.pem --tls-key key.pem`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				file = e.getenv("HANOK_CONFIG")
			}
			if err := serve.Load(settings, e.getenv, file); err != nil {
				return usageError{err}
			}
			if err := c.Validate(); err != nil {
				return usageError{err}
			}
			settle.WhenIdle()
			return serve.Run(cmd.Context(), &c, serve.Options{Version: version(), Log: e.err, Getenv: e.getenv})
		},
	}
	cmd.Flags().AddFlagSet(settings)
	cmd.Flags().StringVar(&file, "config", "", "configuration file (YAML)")
	return cmd
}
