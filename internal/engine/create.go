package engine

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/kube"
	"github.com/hanok/hanok/internal/quota"
	"github.com/hanok/hanok/internal/store"
)

// apiPort is the port of a cluster's endpoint and of its members.
const apiPort = 6443

// defaultCreateTimeout is the create_timeout of a plan without one, in minutes.
const defaultCreateTimeout = 60

// CreateCluster records an admitted cluster and begins to make it. When it
// returns, the cluster is CREATE_IN_PROGRESS and will end as
// CREATE_COMPLETE or CREATE_FAILED, whatever happens to this process.
func (e *Engine) CreateCluster(ctx context.Context, plan *admission.ClusterPlan) (hanok.Cluster, error) {
	now := e.now()
	c := plan.Cluster
	c.UUID, c.StackID = uuid.NewString(), uuid.NewString()
	c.Status, c.StatusReason = hanok.CreateInProgress, ""
	c.CreatedAt, c.UpdatedAt = now, now
	if c.CreateTimeout <= 0 {
		c.CreateTimeout = defaultCreateTimeout
	}
	g := plan.Group
	g.UUID, g.StackID, g.ClusterUUID, g.ProjectID = uuid.NewString(), uuid.NewString(), c.UUID, c.ProjectID
	g.Status, g.StatusReason = hanok.CreateInProgress, ""
	g.CreatedAt, g.UpdatedAt = now, now

	nodes := e.newNodes(c, g, plan)
	secrets, err := e.cfg.Kube.NewSecrets(c.Name, now)
	if err != nil {
		return hanok.Cluster{}, fmt.Errorf("make the keys of cluster %s: %w", c.Name, err)
	}
	cspec, gspec := e.newSpecs(plan)
	err = e.cfg.Store.Update(ctx, func(tx store.Tx) error {
		if err := quota.CheckCluster(tx, c.ProjectID); err != nil {
			return err
		}
		if err := tx.PutCluster(c); err != nil {
			return err
		}
		if _, err := tx.PutNodeGroup(g); err != nil {
			return err
		}
		for _, n := range nodes {
			if err := tx.PutNode(n); err != nil {
				return err
			}
		}
		for name, value := range secrets {
			if err := tx.PutSecret(c.UUID, name, value); err != nil {
				return err
			}
		}
		if err := putSpec(tx, kindClusterSpec, c.UUID, c.ProjectID, cspec); err != nil {
			return err
		}
		if err := putSpec(tx, kindGroupSpec, g.UUID, c.ProjectID, gspec); err != nil {
			return err
		}
		_, err := begin(tx, c, hanok.ClusterCreate, now, time.Duration(c.CreateTimeout)*time.Minute)
		return err
	})
	if err != nil {
		return hanok.Cluster{}, fmt.Errorf("record cluster %s: %w", c.Name, err)
	}
	return c, nil
}

// begin writes the event of an operation on a cluster and enqueues it.
func begin(tx store.Tx, c hanok.Cluster, t hanok.EventType, now time.Time, limit time.Duration) (hanok.Event, error) {
	event, err := tx.InsertEvent(hanok.Event{
		UUID: uuid.NewString(), ProjectID: c.ProjectID, ClusterUUID: c.UUID, ClusterName: c.Name,
		ResourceUUID: c.UUID, ResourceName: c.Name, ResourceType: hanok.ResourceCluster,
		Type: t, State: hanok.EventInProgress, CreatedAt: now, UpdatedAt: now, Deadline: now.Add(limit),
	})
	if err != nil {
		return event, err
	}
	return event, tx.Enqueue(event.ID)
}

func (e *Engine) newSpecs(plan *admission.ClusterPlan) (ClusterSpec, GroupSpec) {
	return ClusterSpec{
			Network: plan.Network, Subnet: plan.Subnet, Public: plan.Cluster.PublicEndpoint(),
			ControlPlaneFlavor: e.cfg.Settings.ControlPlaneFlavor, ControlPlaneImage: plan.Image,
			ControlPlaneVolume: infra.Volume{Type: plan.BootVolume.Type, SizeGB: e.cfg.Settings.ControlPlaneDiskGB},
			Zone:               plan.Zone,
		}, GroupSpec{
			Flavor: plan.Flavor, Image: plan.Image, Keypair: plan.Keypair, BootVolume: plan.BootVolume, Zone: plan.Zone,
		}
}

// newNodes gives the records of the machines of a new cluster: one
// control-plane member, and the workers of its group.
func (e *Engine) newNodes(c hanok.Cluster, g hanok.NodeGroup, plan *admission.ClusterPlan) []hanok.Node {
	node := func(role, name, flavor, group string) hanok.Node {
		return hanok.Node{
			Key: uuid.NewString(), ClusterUUID: c.UUID, NodeGroupUUID: group, ProjectID: c.ProjectID, Role: role, Name: name,
			FlavorID: flavor, ImageID: plan.Image.ID, Status: hanok.NodeBuild, Version: c.Version,
			CreatedAt: c.CreatedAt, UpdatedAt: c.CreatedAt,
		}
	}
	nodes := []hanok.Node{node(hanok.RoleMaster, masterName(c, 0), e.cfg.Settings.ControlPlaneFlavor.ID, "")}
	for i := range g.NodeCount {
		n := node(hanok.RoleWorker, workerName(c, g, i), g.FlavorID, g.UUID)
		n.PodCIDR = hanok.PodSubnet(c.PodCIDR(), c.PodSubnetSize(), i).String()
		nodes = append(nodes, n)
	}
	return nodes
}

// createSteps make a cluster. What can run side by side does: the machines
// boot while the endpoint is watched, add-ons go in while nodes join.
var createSteps = []step{
	{name: "reserve", title: "reserving addresses", run: (*operation).reserveAll},
	{name: "bundle", title: "checking the Kubernetes bundle", run: (*operation).checkBundle},
	{name: "machines", title: "making machines", after: []string{"reserve", "bundle"}, run: (*operation).makeAllMachines},
	{name: "control-plane", title: "control plane", after: []string{"reserve", "bundle"}, run: (*operation).awaitControlPlane},
	{name: "addons", title: "add-ons", after: []string{"control-plane"}, run: (*operation).applyAddons},
	{name: "nodes", title: "nodes", after: []string{"machines", "control-plane"}, run: (*operation).awaitNodes},
	{name: "finish", title: "finishing", after: []string{"machines", "addons", "nodes"}, run: (*operation).finishCreate},
}

// checkBundle refuses to begin with programs that are missing or damaged.
func (o *operation) checkBundle(ctx context.Context) error {
	c, err := o.cluster(ctx)
	if err != nil {
		return err
	}
	if _, err := o.e.cfg.Bundles.Verify(ctx, c.Version); err != nil {
		return fmt.Errorf("the bundle of Kubernetes %s cannot be used: %w", c.Version, err)
	}
	return nil
}

// applyAddons puts the add-ons in place as soon as the API answers.
func (o *operation) applyAddons(ctx context.Context) error {
	facts, client, err := o.kube(ctx)
	if err != nil {
		return err
	}
	nodes, err := o.nodes(ctx, hanok.RoleWorker)
	if err != nil {
		return err
	}
	err = addonPatience.retry(ctx, o.sayer("addons"), func(ctx context.Context) error {
		return client.ApplyAddons(ctx, facts, len(nodes))
	})
	if err != nil {
		return err
	}
	// Whoever waits for CREATE_COMPLETE may run a pod the next moment.
	ctx, cancel := context.WithTimeout(ctx, welcomeLimit)
	defer cancel()
	return client.WaitPodsWelcome(ctx)
}

// welcomeLimit is far more than a controller manager that works at all needs.
const welcomeLimit = 5 * time.Minute

// addonPatience outlasts an API server that is ready but not settled yet.
var addonPatience = patience{first: 50 * time.Millisecond, longest: time.Second, attempts: 60}

// finishCreate ends the operation well, in one transaction.
func (o *operation) finishCreate(ctx context.Context) error {
	workers, err := o.nodes(ctx, hanok.RoleWorker)
	if err != nil {
		return err
	}
	scripts := o.scriptTrouble(ctx, workers)
	return o.update(ctx, func(tx store.Tx, event *hanok.Event) error {
		event.State, event.Contents, event.Step = hanok.EventSuccess, scripts, "finish"
		reason := joinNonEmpty("Stack CREATE completed successfully", scripts)
		if err := setStatus(tx, event.ClusterUUID, hanok.CreateComplete, reason, o.e.now()); err != nil {
			return err
		}
		c, err := tx.Cluster(event.ClusterUUID)
		if err != nil {
			return err
		}
		nodes, err := tx.Nodes(event.ClusterUUID)
		if err != nil {
			return err
		}
		c.HealthStatus, c.HealthReason = healthOf(nodes, readyNodes(nodes), nil)
		return tx.PutCluster(c)
	})
}

// readyNodes is what Kubernetes said of the workers a moment ago.
func readyNodes(nodes []hanok.Node) []kube.NodeState {
	var states []kube.NodeState
	for _, n := range nodes {
		states = append(states, kube.NodeState{Name: n.Name, Ready: true})
	}
	return states
}

// endpointMembers are the addresses behind a cluster's endpoint.
func endpointMembers(nodes []hanok.Node) ([]netip.AddrPort, error) {
	var members []netip.AddrPort
	for _, n := range nodes {
		if n.Role != hanok.RoleMaster {
			continue
		}
		address, err := netip.ParseAddr(n.Address)
		if err != nil {
			return nil, fmt.Errorf("address of %s: %w", n.Name, err)
		}
		members = append(members, netip.AddrPortFrom(address, apiPort))
	}
	slices.SortFunc(members, netip.AddrPort.Compare)
	return members, nil
}
