package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/embedded"
	"github.com/hanok/hanok/internal/store"
	"github.com/hanok/hanok/internal/store/sqlite"
)

// target is a project as the load sees it.
type target struct {
	token    string
	clusters []hanok.Cluster
}

// largestShare is how many times a small project's clusters are divided: the
// first project gets a share more, so that its lists fill a page.
const largestShare = 5

const workersEach = 3

// fill makes the store of an installation: projects with a user each, and
// their clusters, each with a group, three workers and a control-plane member.
// The first project has a good part of all.
func fill(ctx context.Context, dir string, o options) (targets []target, err error) {
	st, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(dir, "hanok.db")})
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := st.Close(); err == nil {
			err = cerr
		}
	}()
	users := embedded.NewIdentity(st, embedded.IdentityOptions{})
	small := o.clusters / (o.projects + largestShare)
	for p := range o.projects {
		n := small
		if p == 0 {
			n = o.clusters - small*(o.projects-1)
		}
		t, err := fillProject(ctx, st, users, fmt.Sprintf("project-%02d", p), n)
		if err != nil {
			return nil, err
		}
		targets = append(targets, t)
	}
	return targets, nil
}

func fillProject(ctx context.Context, st store.Store, users *embedded.Identity, name string, clusters int) (target, error) {
	project, err := users.CreateProject(ctx, name)
	if err != nil {
		return target{}, err
	}
	password := embedded.GeneratePassword()
	user, err := users.CreateUser(ctx, name+"-user", password, project.ID)
	if err != nil {
		return target{}, err
	}
	if err := users.SetRoles(ctx, user.ID, project.ID, infra.RoleMember); err != nil {
		return target{}, err
	}
	token, err := users.Authenticate(ctx, infra.Credentials{UserID: user.ID, Password: password, ProjectID: project.ID})
	if err != nil {
		return target{}, err
	}
	t := target{token: token.ID}
	err = st.Update(ctx, func(tx store.Tx) error {
		t.clusters = t.clusters[:0]
		for i := range clusters {
			c := newCluster(project.ID, user.ID, i)
			if err := putCluster(tx, c); err != nil {
				return err
			}
			t.clusters = append(t.clusters, c)
		}
		return nil
	})
	return t, err
}

// newCluster is a complete cluster as a create by the newer guide leaves it.
func newCluster(project, user string, i int) hanok.Cluster {
	now := time.Now().UTC().Truncate(time.Second)
	one := 1
	id := uuid.NewString
	return hanok.Cluster{
		UUID: id(), Name: fmt.Sprintf("cluster-%04d", i), ProjectID: project, UserID: user, Keypair: "key",
		FlavorID: id(), FixedNetwork: id(), FixedSubnet: id(), CreateTimeout: 60, MasterCount: &one,
		Version: "v1.30.3", StackID: id(), Status: hanok.CreateComplete,
		StatusReason: "Stack CREATE completed successfully", APIAddress: fmt.Sprintf("https://198.18.2.%d:6443", i%250+2),
		Labels: map[string]string{
			"availability_zone": "kr-pub-a", "node_image": id(), "boot_volume_type": "General HDD", "boot_volume_size": "20",
			"external_network_id": id(), "external_subnet_id_list": id(), "cert_manager_api": "True",
			"ca_enable": "false", "ca_max_node_count": "10", "ca_min_node_count": "1", "ca_scale_down_enable": "true",
			"kube_tag": "v1.30.3", "cni_driver": "flannel", "service_cluster_ip_range": "10.254.0.0/16",
			"pods_network_cidr": "10.100.0.0/16", "pods_network_subnet": "24", "master_lb_floating_ip_enabled": "true",
			"user_script_v2": "",
		},
		CreatedAt: now, UpdatedAt: now,
	}
}

func putCluster(tx store.Tx, c hanok.Cluster) error {
	if err := tx.PutCluster(c); err != nil {
		return err
	}
	most := 10
	g, err := tx.PutNodeGroup(hanok.NodeGroup{
		UUID: uuid.NewString(), ClusterUUID: c.UUID, ProjectID: c.ProjectID, Name: hanok.DefaultWorkerGroup, Role: hanok.RoleWorker,
		IsDefault: true, FlavorID: c.FlavorID, ImageID: c.Labels["node_image"], Keypair: c.Keypair, NodeCount: workersEach,
		MinNodeCount: 1, MaxNodeCount: &most, Labels: c.Labels, Version: c.Version, StackID: uuid.NewString(),
		Status: hanok.CreateComplete, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	})
	if err != nil {
		return err
	}
	for i := range workersEach + 1 {
		n := hanok.Node{
			Key: uuid.NewString(), UUID: uuid.NewString(), ClusterUUID: c.UUID, NodeGroupUUID: g.UUID, ProjectID: c.ProjectID,
			Role: hanok.RoleWorker, Name: fmt.Sprintf("%s-node-%d", c.Name, i), FlavorID: c.FlavorID, ImageID: g.ImageID,
			PortID: uuid.NewString(), Address: fmt.Sprintf("192.168.0.%d", i+2), PodCIDR: fmt.Sprintf("10.100.%d.0/24", i),
			Status: hanok.NodeActive, Version: c.Version, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
		}
		if i == workersEach {
			n.Role, n.NodeGroupUUID, n.PodCIDR, n.Name = hanok.RoleMaster, "", "", c.Name+"-master-0"
		}
		if err := tx.PutNode(n); err != nil {
			return err
		}
	}
	return nil
}
