package engine

import (
	"context"
	"strings"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/internal/store"
)

// Inspection is all that is known of one node, for whoever runs the service.
type Inspection struct {
	Node    hanok.Node
	Cluster hanok.Cluster
	Group   hanok.NodeGroup // the zero value for a control-plane member
	// Machine is the driver's view; its Status is infra.MachineDeleted when
	// the driver has none.
	Machine infra.Machine
	// Report is the agent's last one; ReportedAt is zero while there is none
	// since the service started.
	Report     machine.Report
	ReportedAt time.Time
}

// Inspect looks at a node of any project, a control-plane member too, by its
// UUID or name. A name that several nodes have is KindConflict and tells their
// UUIDs.
func (e *Engine) Inspect(ctx context.Context, nameOrUUID string) (Inspection, error) {
	var found []Inspection
	err := e.cfg.Store.View(ctx, func(tx store.Tx) error {
		found = nil
		clusters, err := tx.Clusters("")
		if err != nil {
			return err
		}
		for _, c := range clusters {
			nodes, err := tx.Nodes(c.UUID)
			if err != nil {
				return err
			}
			for _, n := range nodes {
				if n.Name != nameOrUUID && (n.UUID == "" || n.UUID != strings.ToLower(nameOrUUID)) {
					continue
				}
				i := Inspection{Node: n, Cluster: c}
				if n.NodeGroupUUID != "" {
					if i.Group, err = tx.NodeGroup(c.UUID, n.NodeGroupUUID); err != nil {
						return err
					}
				}
				found = append(found, i)
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return Inspection{}, err
	case len(found) == 0:
		return Inspection{}, hanok.NotFound("node", hanok.Quote(nameOrUUID))
	case len(found) > 1:
		var uuids []string
		for _, i := range found {
			uuids = append(uuids, i.Node.UUID)
		}
		return Inspection{}, hanok.Errorf(hanok.KindConflict, "%d nodes are named %s; use the UUID of one: %s", len(found), nameOrUUID, strings.Join(uuids, ", "))
	}
	i := found[0]
	if r, at, ok := e.cfg.Fleet.Report(i.Node.Key); ok {
		i.Report, i.ReportedAt = r, at
	}
	i.Machine, err = e.cfg.Driver.MachineByKey(ctx, i.Node.Key)
	if hanok.KindOf(err) == hanok.KindNotFound {
		i.Machine, err = infra.Machine{Status: infra.MachineDeleted}, nil
	}
	return i, err
}
