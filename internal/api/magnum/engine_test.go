package magnum

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/admission"
	"github.com/hanok/hanok/internal/kube"
)

// recordingEngine notes what it was asked for.
type recordingEngine struct {
	fail error

	mu      sync.Mutex
	created []*admission.ClusterPlan
	deleted []string
	loaded  []byte
	scripts []string
	groups  []string // what was asked of node groups, one line each
}

func (e *recordingEngine) CreateCluster(_ context.Context, plan *admission.ClusterPlan) (hanok.Cluster, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fail != nil {
		return hanok.Cluster{}, e.fail
	}
	e.created = append(e.created, plan)
	c := plan.Cluster
	c.UUID = "5801ef8a-3760-4858-b467-fc4c1201241d"
	return c, nil
}

func (e *recordingEngine) DeleteCluster(_ context.Context, uuid string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.deleted = append(e.deleted, uuid)
	return e.fail
}

func (e *recordingEngine) Kubeconfig(context.Context, string) (string, error) {
	return "apiVersion: v1\nkind: Config\n", e.fail
}

func (e *recordingEngine) CA(context.Context, string) ([]byte, error) {
	return []byte("-----BEGIN CERTIFICATE-----\n"), e.fail
}

func (e *recordingEngine) SetUserScript(_ context.Context, cluster, group, script string) (hanok.NodeGroup, error) {
	e.scripts = append(e.scripts, cluster+" "+group+" "+script)
	return hanok.NodeGroup{UUID: "018b2cf2-0b77-4c6c-9d73-7a3c47bb9c44"}, e.fail
}

func (e *recordingEngine) LoadImage(_ context.Context, _ string, archive io.Reader) ([]string, error) {
	var err error
	e.loaded, err = io.ReadAll(archive)
	return []string{"docker.io/library/app:1"}, err
}

// SignCertificate signs with an authority of its own.
func (e *recordingEngine) SignCertificate(_ context.Context, _ string, request []byte) ([]byte, error) {
	if e.fail != nil {
		return nil, e.fail
	}
	secrets, err := kube.NewSecrets("k8s", time.Now())
	if err != nil {
		return nil, err
	}
	ca, err := kube.LoadAuthority(secrets[kube.SecretCACert], secrets[kube.SecretCAKey])
	if err != nil {
		return nil, err
	}
	return ca.SignClient(request, time.Now())
}

// note keeps one line of what was asked of node groups.
func (e *recordingEngine) note(format string, args ...any) (hanok.NodeGroup, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.groups = append(e.groups, fmt.Sprintf(format, args...))
	most := 10
	return hanok.NodeGroup{
		UUID: "018b2cf2-0b77-4c6c-9d73-7a3c47bb9c44", ClusterUUID: "5801ef8a-3760-4858-b467-fc4c1201241d", Name: "added", Role: hanok.RoleWorker,
		StackID: "3d5e1b0a-43c4-4b0c-9f5d-6d3a2b1c0f9e", Status: hanok.UpdateInProgress, MaxNodeCount: &most, Version: "v1.30.3",
		Labels: map[string]string{"boot_volume_type": "General HDD", "boot_volume_size": "20"},
	}, e.fail
}

func (e *recordingEngine) CreateNodeGroup(_ context.Context, cluster string, plan *admission.GroupPlan) (hanok.NodeGroup, error) {
	g, err := e.note("create %s %d", plan.Group.Name, plan.Group.NodeCount)
	made := plan.Group
	made.UUID, made.StackID, made.Version = g.UUID, g.StackID, g.Version
	made.ClusterUUID, made.Status = cluster, hanok.CreateInProgress
	return made, err
}

func (e *recordingEngine) DeleteNodeGroup(_ context.Context, _, group string) error {
	_, err := e.note("delete %s", group)
	return err
}

func (e *recordingEngine) Resize(_ context.Context, _ string, plan *admission.ResizePlan) (hanok.NodeGroup, error) {
	return e.note("resize %q to %d without %v", plan.Group, plan.NodeCount, plan.Remove)
}

func (e *recordingEngine) ChangeFlavor(_ context.Context, _, group string, plan *admission.FlavorPlan) (hanok.NodeGroup, error) {
	return e.note("flavor %s of %s, %d at a time", plan.Flavor.ID, group, plan.Rolling.MaxUnavailable)
}

func (e *recordingEngine) SetBounds(_ context.Context, _, group string, plan *admission.BoundsPlan) (hanok.NodeGroup, error) {
	return e.note("bounds %s min %t max %t", group, plan.Min != nil, plan.Max != nil)
}

func (e *recordingEngine) StopNodes(_ context.Context, _, group string, nodes []string) (hanok.NodeGroup, error) {
	return e.note("stop %s %v", group, nodes)
}

func (e *recordingEngine) StartNodes(_ context.Context, _, group string, nodes []string) (hanok.NodeGroup, error) {
	return e.note("start %s %v", group, nodes)
}
