package engine

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/quota"
	"github.com/hanok/hanok/internal/store"
)

// CreateNodeGroup records an admitted node group and begins to make its
// nodes. When it returns, the group is CREATE_IN_PROGRESS and its cluster
// UPDATE_IN_PROGRESS. KindConflict where the cluster has a group of the name,
// or takes no new one now.
func (e *Engine) CreateNodeGroup(ctx context.Context, clusterUUID string, plan *admission.GroupPlan) (hanok.NodeGroup, error) {
	var g hanok.NodeGroup
	err := e.cfg.Store.Update(ctx, func(tx store.Tx) error {
		c, err := openCluster(tx, clusterUUID)
		if err != nil {
			return err
		}
		if _, err := tx.NodeGroup(clusterUUID, plan.Group.Name); hanok.KindOf(err) != hanok.KindNotFound {
			if err == nil {
				err = hanok.Errorf(hanok.KindConflict, "the cluster has a node group named %s already", plan.Group.Name)
			}
			return err
		}
		if err := quota.CheckNodeGroup(tx, c); err != nil {
			return err
		}
		keypair, err := keypairOf(tx, clusterUUID)
		if err != nil {
			return err
		}
		now := e.now()
		g = plan.Group
		g.UUID, g.StackID, g.ClusterUUID, g.ProjectID = uuid.NewString(), uuid.NewString(), c.UUID, c.ProjectID
		g.Keypair, g.Version = c.Keypair, c.Version
		g.CreatedAt, g.UpdatedAt = now, time.Time{}
		var in groupInput
		if in.Add, err = e.addNodes(tx, c, g, g.NodeCount); err != nil {
			return err
		}
		spec := GroupSpec{Flavor: plan.Flavor, Image: plan.Image, BootVolume: plan.BootVolume, Zone: plan.Zone}
		spec.Keypair = keypair
		if err := putSpec(tx, kindGroupSpec, g.UUID, c.ProjectID, spec); err != nil {
			return err
		}
		g, err = e.beginGroup(tx, c, g, hanok.NodeGroupCreate, hanok.CreateInProgress, in)
		return err
	})
	return g, err
}

// keypairOf gives the key pair that a cluster's groups were made with; the
// catalogue may have lost it since.
func keypairOf(tx store.Tx, clusterUUID string) (infra.Keypair, error) {
	groups, err := tx.NodeGroups(clusterUUID)
	if err != nil {
		return infra.Keypair{}, err
	}
	for _, g := range groups {
		spec, err := readSpec[GroupSpec](tx, kindGroupSpec, g.UUID)
		if err == nil {
			return spec.Keypair, nil
		}
		if err := unlessNotFound(err); err != nil {
			return infra.Keypair{}, err
		}
	}
	return infra.Keypair{}, hanok.Errorf(hanok.KindConflict, "the cluster has no node group to take the key pair from")
}

// newWorker gives the record of a node without name and pod CIDR.
func newWorker(c hanok.Cluster, g hanok.NodeGroup, now time.Time) hanok.Node {
	return hanok.Node{
		Key: uuid.NewString(), ClusterUUID: c.UUID, NodeGroupUUID: g.UUID, ProjectID: c.ProjectID, Role: hanok.RoleWorker,
		FlavorID: g.FlavorID, ImageID: g.ImageID, Status: hanok.NodeBuild, Version: g.Version,
		CreatedAt: now, UpdatedAt: now,
	}
}
