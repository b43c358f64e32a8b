package cli

import (
	"encoding/json"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/client"
)

func newEventCommand(e env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "event",
		Short:   "Show what was done to a cluster",
		Aliases: []string{"events"},
	}
	cmd.AddCommand(newEventList(e), newEventShow(e))
	return cmd
}

func newEventList(e env) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:     "list CLUSTER",
		Short:   "List a cluster's operations, newest first",
		Aliases: []string{"ls"},
		Args:    cobra.ExactArgs(1),
		Long: `List a cluster's operations, newest first. A deleted cluster is named by its
UUID: its history stays.`,
		Example: "  hanok event list demo",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := connect(e)
			if err != nil {
				return err
			}
			id, err := clusterUUID(cmd, c, args[0])
			if err != nil {
				return err
			}
			events, err := c.Events(cmd.Context(), id)
			if err != nil {
				return err
			}
			return o.print(e.out, raws(events, func(v client.Event) json.RawMessage { return v.Raw }), func(t *table) {
				t.row("UUID", "TYPE", "STATE", "RESOURCE", "CREATED", "UPDATED", "CONTENTS")
				for _, v := range events {
					t.row(v.UUID, v.Type, v.State, v.ResourceName, v.CreatedAt, v.UpdatedAt, v.Contents)
				}
			})
		},
	}
	o.register(cmd)
	return cmd
}

func newEventShow(e env) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:     "show CLUSTER EVENT_UUID",
		Short:   "Show one operation of a cluster",
		Args:    cobra.ExactArgs(2),
		Example: "  hanok event show demo 868f218a-9446-4500-b6b3-8c1a95e3d7c3",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := connect(e)
			if err != nil {
				return err
			}
			id, err := clusterUUID(cmd, c, args[0])
			if err != nil {
				return err
			}
			v, err := c.Event(cmd.Context(), id, args[1])
			if err != nil {
				return err
			}
			return o.print(e.out, v.Raw, func(t *table) {
				t.row("uuid", v.UUID)
				t.row("type", v.Type)
				t.row("state", v.State)
				t.row("contents", v.Contents)
				t.row("resource", v.ResourceType+" "+v.ResourceName+" "+v.ResourceUUID)
				t.row("cluster", v.ClusterName+" "+v.ClusterUUID)
				t.row("created_at", v.CreatedAt)
				t.row("updated_at", v.UpdatedAt)
			})
		},
	}
	o.register(cmd)
	return cmd
}

// clusterUUID gives the UUID of a cluster named by either; the events API
// takes UUIDs only, and those of deleted clusters too.
func clusterUUID(cmd *cobra.Command, c *client.Client, idOrName string) (string, error) {
	if _, err := uuid.Parse(idOrName); err == nil {
		return idOrName, nil
	}
	cl, err := c.Cluster(cmd.Context(), idOrName)
	return cl.UUID, err
}
