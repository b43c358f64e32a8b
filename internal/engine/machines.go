package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/internal/store"
)

// Looks at a machine that is being made or deleted come quickly at first: a
// local one takes a tenth of a second, a cloud's a minute.
const (
	firstLook   = 20 * time.Millisecond
	longestLook = time.Second
)

// makeAllMachines makes the machines of the cluster, all at once, and waits
// until they run.
func (o *operation) makeAllMachines(ctx context.Context) error {
	nodes, err := o.nodes(ctx, "")
	if err != nil {
		return err
	}
	return o.makeMachines(ctx, nodes)
}

// makeAddedMachines makes the machines of the nodes that the operation adds.
func (o *operation) makeAddedMachines(ctx context.Context) error {
	nodes, err := o.added(ctx)
	if err != nil {
		return err
	}
	return o.makeMachines(ctx, nodes)
}

func (o *operation) makeMachines(ctx context.Context, nodes []hanok.Node) error {
	_, spec, err := o.clusterSpec(ctx)
	if err != nil {
		return err
	}
	tokens, err := o.prepare(ctx, nodes)
	if err != nil {
		return err
	}
	var active atomic.Int32
	tell := func() {
		o.progress.say("machines", fmt.Sprintf("%d of %d run", active.Load(), len(nodes)))
	}
	tell()
	g, gctx := errgroup.WithContext(ctx)
	for _, n := range nodes {
		g.Go(func() error {
			if err := o.makeMachine(gctx, n, spec, tokens[n.Key]); err != nil {
				return fmt.Errorf("%s: %w", n.Name, err)
			}
			active.Add(1)
			tell()
			return nil
		})
	}
	return g.Wait()
}

// prepare gives the bootstrap tokens of machines that are not made yet.
func (o *operation) prepare(ctx context.Context, nodes []hanok.Node) (tokens map[string]string, err error) {
	err = o.update(ctx, func(tx store.Tx, _ *hanok.Event) error {
		tokens = map[string]string{}
		for _, n := range nodes {
			if n.UUID != "" {
				continue
			}
			token, err := o.e.cfg.Fleet.Prepare(tx, n.Key, n.ClusterUUID)
			if err != nil {
				return fmt.Errorf("token of %s: %w", n.Name, err)
			}
			tokens[n.Key] = token
		}
		return nil
	})
	return tokens, err
}

// makeMachine makes one machine and waits until it runs. Its id is recorded
// as soon as it is known: the agent inside waits for its state.
func (o *operation) makeMachine(ctx context.Context, n hanok.Node, cluster ClusterSpec, token string) error {
	var m infra.Machine
	if n.UUID == "" {
		spec, err := o.machineSpec(ctx, n, cluster, token)
		if err != nil {
			return err
		}
		err = driverPatience.retry(ctx, o.sayer("machines"), func(ctx context.Context) (err error) {
			m, err = o.e.cfg.Driver.CreateMachine(ctx, spec)
			return err
		})
		if err != nil {
			return err
		}
		n.UUID = m.ID
		if err := o.recordNode(ctx, n.Key, func(n *hanok.Node) { n.UUID = m.ID }); err != nil {
			return err
		}
		o.e.cfg.Fleet.Changed(n.Key)
	}
	if m.Status != infra.MachineActive {
		if err := o.awaitActive(ctx, n); err != nil {
			return err
		}
	}
	return o.recordNode(ctx, n.Key, func(n *hanok.Node) { n.Status = hanok.NodeActive })
}

func (o *operation) awaitActive(ctx context.Context, n hanok.Node) error {
	for pause := firstLook; ; pause = min(pause*3/2, longestLook) {
		var m infra.Machine
		err := driverPatience.retry(ctx, o.sayer("machines"), func(ctx context.Context) (err error) {
			m, err = o.e.cfg.Driver.Machine(ctx, n.UUID)
			if hanok.KindOf(err) == hanok.KindNotFound {
				m, err = infra.Machine{Status: infra.MachineDeleted}, nil
			}
			return err
		})
		if err != nil {
			return err
		}
		switch m.Status {
		case infra.MachineActive:
			return nil
		case infra.MachineError:
			return fmt.Errorf("its machine failed: %s", m.Fault)
		case infra.MachineDeleted:
			return errors.New("its machine is gone: somebody deleted it")
		case infra.MachineShutoff:
			// The host was restarted before the machine was up.
			if err := o.e.cfg.Driver.StartMachine(ctx, n.UUID); err != nil && ctx.Err() == nil {
				o.log.Warn("cannot start a machine", "machine", n.UUID, "error", err)
			}
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// stopTimeout bounds the stop of a failed cluster's machines.
const stopTimeout = time.Minute

// stopMachines stops the machines of a cluster whose creation failed: half a
// cluster is of no use and would burn CPU and memory until it is deleted. The
// volumes stay, with their logs. It does what it can; a delete ends it.
func (e *Engine) stopMachines(ctx context.Context, clusterUUID string) {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	var nodes []hanok.Node
	err := e.cfg.Store.View(ctx, func(tx store.Tx) (err error) {
		nodes, err = tx.Nodes(clusterUUID)
		return err
	})
	var g errgroup.Group
	for _, n := range nodes {
		g.Go(func() error {
			m, err := e.cfg.Driver.MachineByKey(ctx, n.Key)
			if err == nil && (m.Status == infra.MachineActive || m.Status == infra.MachineBuild) {
				err = e.cfg.Driver.StopMachine(ctx, m.ID)
			}
			if err := unlessNotFound(err); err != nil {
				return err
			}
			return e.cfg.Store.Update(ctx, func(tx store.Tx) error {
				now, err := tx.NodeByKey(n.Key)
				if err != nil || now.UUID == "" {
					return unlessNotFound(err)
				}
				now.Status, now.UpdatedAt = hanok.NodeShutoff, e.now()
				return tx.PutNode(now)
			})
		})
	}
	if err = errors.Join(err, g.Wait()); err != nil && !errors.Is(context.Cause(ctx), errSuperseded) {
		e.log.Warn("not every machine of a failed cluster could be stopped", "cluster", clusterUUID, "error", err)
	}
}

// recordNode changes a node's record.
func (o *operation) recordNode(ctx context.Context, key string, change func(*hanok.Node)) error {
	return o.update(ctx, func(tx store.Tx, _ *hanok.Event) error {
		n, err := tx.NodeByKey(key)
		if err != nil {
			return err
		}
		change(&n)
		n.UpdatedAt = o.e.now()
		return tx.PutNode(n)
	})
}

func (o *operation) machineSpec(ctx context.Context, n hanok.Node, cluster ClusterSpec, token string) (infra.MachineSpec, error) {
	spec := infra.MachineSpec{
		Key: n.Key, Name: n.Name, ClusterUUID: n.ClusterUUID, ProjectID: n.ProjectID, Role: n.Role,
		Flavor: cluster.ControlPlaneFlavor, Image: cluster.ControlPlaneImage, BootVolume: cluster.ControlPlaneVolume,
		PortIDs: []string{n.PortID}, Zone: cluster.Zone,
	}
	if n.Role == hanok.RoleWorker {
		var (
			group GroupSpec
			extra []infra.ExtraVolume
		)
		err := o.view(ctx, func(tx store.Tx) error {
			g, err := tx.NodeGroup(n.ClusterUUID, n.NodeGroupUUID)
			if err != nil {
				return err
			}
			extra = extraVolumes(g)
			group, err = readSpec[GroupSpec](tx, kindGroupSpec, g.UUID)
			return err
		})
		if err != nil {
			return spec, err
		}
		spec.Flavor, spec.Image, spec.BootVolume = group.Flavor, group.Image, group.BootVolume
		spec.Keypair, spec.Zone = &group.Keypair, group.Zone
		spec.ExtraVolumes = extra
	}
	config := machine.Config{
		MachineKey: n.Key, Hostname: n.Name, Token: token,
		ServiceURL: "https://" + o.e.cfg.Driver.AgentAddress().String(), ServiceCA: o.e.cfg.Fleet.CA(),
	}
	if cluster.Subnet.InternetGateway {
		config.Nameserver = []string{o.e.cfg.Driver.AgentAddress().Addr().String()}
	}
	var err error
	spec.UserData, err = json.Marshal(config)
	return spec, err
}

// extraVolumes gives the volumes of a group's nodes besides their boot volumes.
func extraVolumes(g hanok.NodeGroup) (volumes []infra.ExtraVolume) {
	for _, v := range g.ExtraVolumes() {
		volumes = append(volumes, infra.ExtraVolume{Volume: infra.Volume{Type: v.Type, SizeGB: v.SizeGB}, MountPath: v.MountPath})
	}
	return volumes
}
