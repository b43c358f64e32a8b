package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func newKeypairCommand(e env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "keypair",
		Short:   "Register and list ssh keys for nodes",
		Aliases: []string{"keypairs"},
	}
	cmd.AddCommand(newKeypairCreate(e), newKeypairList(e))
	return cmd
}

func newKeypairCreate(e env) *cobra.Command {
	var publicKey string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Register a public key, or make a key pair",
		Args:  cobra.ExactArgs(1),
		Long: `Register an ssh public key under a name. Without --public-key the service makes
a key pair and the private key is printed, once: it is kept nowhere.`,
		Example: "  hanok keypair create mine --public-key ~/.ssh/id_ed25519.pub\n  (umask 077; hanok keypair create made > made.pem)",
		RunE: func(cmd *cobra.Command, args []string) error {
			var key []byte
			if publicKey != "" {
				var err error
				if key, err = os.ReadFile(publicKey); err != nil {
					return fmt.Errorf("read the public key: %w", err)
				}
				if strings.Contains(string(key), "PRIVATE KEY") {
					return usagef("%s holds a private key: give the public one, most likely %s.pub", publicKey, publicKey)
				}
			}
			c, err := connect(e)
			if err != nil {
				return err
			}
			kp, err := c.CreateKeypair(cmd.Context(), args[0], strings.TrimSpace(string(key)))
			if err != nil {
				return err
			}
			if kp.PrivateKey != "" {
				_, err = fmt.Fprint(e.out, kp.PrivateKey)
			}
			fmt.Fprintf(e.err, "%s %s\n", kp.Name, kp.Fingerprint)
			return err
		},
	}
	cmd.Flags().StringVar(&publicKey, "public-key", "", "file with the public key")
	return cmd
}

func newKeypairList(e env) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List your key pairs",
		Aliases: []string{"ls"},
		Args:    cobra.NoArgs,
		Example: "  hanok keypair list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := connect(e)
			if err != nil {
				return err
			}
			keys, err := c.Keypairs(cmd.Context())
			if err != nil {
				return err
			}
			return o.print(e.out, keys, func(t *table) {
				t.row("NAME", "FINGERPRINT")
				for _, k := range keys {
					t.row(k.Name, k.Fingerprint)
				}
			})
		},
	}
	o.register(cmd)
	return cmd
}
