package serve

import (
	"context"

	"github.com/hanok/hanok/internal/api/operator"
)

// inspect gives a node as the operators' socket shows it.
func (s *service) inspect(ctx context.Context, nameOrUUID string) (operator.Node, error) {
	i, err := s.engine.Inspect(ctx, nameOrUUID)
	if err != nil {
		return operator.Node{}, err
	}
	n := operator.Node{
		UUID: i.Node.UUID, Name: i.Node.Name, Role: i.Node.Role, Cluster: i.Cluster.Name, ClusterUUID: i.Cluster.UUID,
		NodeGroup: i.Group.Name, Status: string(i.Node.Status), Machine: string(i.Machine.Status), Fault: i.Machine.Fault,
		Address: i.Node.Address, PodCIDR: i.Node.PodCIDR, Flavor: i.Node.FlavorID, Version: i.Node.Version, Installation: s.installation(),
	}
	if !i.ReportedAt.IsZero() {
		n.Report, n.ReportedAt = &i.Report, &i.ReportedAt
	}
	return n, nil
}

// installation is the id in the names that the driver makes on this host; ""
// where it makes none.
func (s *service) installation() string {
	if d, ok := s.driver.(interface{ InstallationID() string }); ok {
		return d.InstallationID()
	}
	return ""
}
