package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/client"
)

func newClusterCommand(e env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "cluster",
		Short:   "Create, list, show, resize and delete clusters",
		Aliases: []string{"clusters"},
	}
	cmd.AddCommand(newClusterCreate(e), newClusterList(e), newClusterShow(e), newClusterResize(e), newClusterDelete(e), newClusterKubeconfig(e))
	return cmd
}

func newClusterList(e env) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the project's clusters",
		Aliases: []string{"ls"},
		Args:    cobra.NoArgs,
		Example: "  hanok cluster list\n  hanok cluster list -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := connect(e)
			if err != nil {
				return err
			}
			clusters, err := c.Clusters(cmd.Context())
			if err != nil {
				return err
			}
			return o.print(e.out, raws(clusters, func(c client.Cluster) json.RawMessage { return c.Raw }), func(t *table) {
				t.row("UUID", "NAME", "STATUS", "HEALTH", "VERSION", "NODES")
				for _, c := range clusters {
					t.row(c.UUID, c.Name, c.Status, c.HealthStatus, c.Labels["kube_tag"], c.NodeCount)
				}
			})
		},
	}
	o.register(cmd)
	return cmd
}

func newClusterShow(e env) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:     "show CLUSTER",
		Short:   "Show a cluster, by name or UUID",
		Aliases: []string{"get"},
		Args:    cobra.ExactArgs(1),
		Example: "  hanok cluster show demo",
		RunE: func(cmd *cobra.Command, args []string) error {
			_, cl, err := connectTo(cmd.Context(), e, args[0])
			if err != nil {
				return err
			}
			return o.print(e.out, cl.Raw, func(t *table) { clusterRows(t, cl) })
		},
	}
	o.register(cmd)
	return cmd
}

func clusterRows(t *table, c client.Cluster) {
	t.row("uuid", c.UUID)
	t.row("name", c.Name)
	t.row("status", c.Status)
	t.row("status_reason", c.StatusReason)
	t.row("health_status", c.HealthStatus)
	for _, k := range slices.Sorted(maps.Keys(c.HealthStatusReason)) {
		t.row("health_status_reason", k+"="+fmt.Sprint(c.HealthStatusReason[k]))
	}
	t.row("api_address", c.APIAddress)
	t.row("version", c.COEVersion)
	t.row("node_count", c.NodeCount)
	t.row("node_addresses", c.NodeAddresses)
	t.row("flavor_id", c.FlavorID)
	t.row("keypair", c.Keypair)
	t.row("fixed_network", c.FixedNetwork)
	t.row("fixed_subnet", c.FixedSubnet)
	t.row("created_at", c.CreatedAt)
	t.row("updated_at", c.UpdatedAt)
	for _, k := range slices.Sorted(maps.Keys(c.Labels)) {
		t.row("labels", k+"="+c.Labels[k])
	}
}

func newClusterDelete(e env) *cobra.Command {
	var wait, ignoreMissing bool
	cmd := &cobra.Command{
		Use:     "delete CLUSTER...",
		Short:   "Delete clusters, by name or UUID",
		Aliases: []string{"rm"},
		Args:    cobra.MinimumNArgs(1),
		Example: "  hanok cluster delete demo --wait",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := connect(e)
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			var begun []client.Cluster
			for _, name := range args {
				cl, err := c.Cluster(ctx, name)
				if client.StatusOf(err) == 404 && ignoreMissing {
					continue
				}
				if err != nil {
					return err
				}
				if err := c.DeleteCluster(ctx, cl.UUID); err != nil {
					return fmt.Errorf("delete cluster %s: %w", name, err)
				}
				begun = append(begun, cl)
			}
			for _, cl := range begun {
				if !wait {
					fmt.Fprintf(e.out, "deletion of %s (%s) has begun\n", cl.Name, cl.UUID)
					continue
				}
				if err := waitDeleted(ctx, c, newProgress(e.err), cl.UUID); err != nil {
					return err
				}
				fmt.Fprintf(e.out, "%s (%s) is deleted\n", cl.Name, cl.UUID)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the clusters are gone")
	cmd.Flags().BoolVar(&ignoreMissing, "ignore-missing", false, "a cluster that does not exist is no error")
	return cmd
}

func newClusterKubeconfig(e env) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:     "kubeconfig CLUSTER",
		Short:   "Print a cluster's kubeconfig, or write it to a file",
		Aliases: []string{"config"},
		Args:    cobra.ExactArgs(1),
		Long: `Print the administrator's kubeconfig of a cluster. It holds a private key:
--file writes it readable by you alone.`,
		Example: "  hanok cluster kubeconfig demo --file kubeconfig\n  kubectl --kubeconfig kubeconfig get nodes",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := connect(e)
			if err != nil {
				return err
			}
			config, err := c.Kubeconfig(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if file == "" {
				_, err = fmt.Fprint(e.out, config)
				return err
			}
			return writePrivate(file, []byte(config))
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "write to this file, mode 0600, instead of printing")
	return cmd
}

// writePrivate replaces a file by one that its owner alone can read.
func writePrivate(path string, content []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".hanok-*") // 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(content)
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
