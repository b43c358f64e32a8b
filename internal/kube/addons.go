package kube

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"text/template"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
)

//go:embed addons/*.yaml
var addonFiles embed.FS

// fieldManager owns the fields that hanok applies.
const fieldManager = "hanok"

// addonResources maps the kinds that add-ons use to their resources; a
// discovery call would cost the time that this table saves.
var addonResources = map[schema.GroupKind]struct{ version, resource string }{
	{Kind: "ServiceAccount"}:                                         {"v1", "serviceaccounts"},
	{Kind: "ConfigMap"}:                                              {"v1", "configmaps"},
	{Kind: "Service"}:                                                {"v1", "services"},
	{Group: "apps", Kind: "Deployment"}:                              {"v1", "deployments"},
	{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}:        {"v1", "clusterroles"},
	{Group: "rbac.authorization.k8s.io", Kind: "ClusterRoleBinding"}: {"v1", "clusterrolebindings"},
	{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"}:        {"v1", "rolebindings"},
	{Group: "apiregistration.k8s.io", Kind: "APIService"}:            {"v1", "apiservices"},
	{Group: "policy", Kind: "PodDisruptionBudget"}:                   {"v1", "poddisruptionbudgets"},
}

// addonObjects renders every object of the add-ons for a cluster.
func addonObjects(f Facts, workers int) ([]*unstructured.Unstructured, error) {
	values := map[string]any{
		"Domain": clusterDomain, "DNS": f.dnsAddress().String(),
		"Replicas": DNSReplicas(workers), "ReplicasNote": dnsReplicas,
		// CoreDNS does not start when it is to forward to nobody.
		"OutsideDNS": f.OutsideDNS,
		"CoreDNS":    imageCoreDNS, "MetricsServer": imageMetricsServer,
	}
	names, err := fs.Glob(addonFiles, "addons/*.yaml")
	if err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	for _, name := range names {
		t, err := template.ParseFS(addonFiles, name)
		if err != nil {
			return nil, fmt.Errorf("add-on %s: %w", name, err)
		}
		var b bytes.Buffer
		if err := t.Execute(&b, values); err != nil {
			return nil, fmt.Errorf("add-on %s: %w", name, err)
		}
		d := yaml.NewYAMLOrJSONDecoder(&b, 4096)
		for {
			o := &unstructured.Unstructured{}
			err := d.Decode(o)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("add-on %s: %w", name, err)
			}
			objects = append(objects, o)
		}
	}
	return objects, nil
}

// ApplyAddons puts the cluster's add-ons and the rights of hanok's own parts
// in place by server-side apply. Safe to call again.
func (c *Client) ApplyAddons(ctx context.Context, f Facts, workers int) error {
	objects, err := addonObjects(f, workers)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, o := range objects {
		g.Go(func() error { return c.apply(ctx, o) })
	}
	return g.Wait()
}

// WaitPodsWelcome returns when an ordinary user's first pod would be taken:
// when the default namespace has its service account. The error of a context
// that ended says what is missing.
func (c *Client) WaitPodsWelcome(ctx context.Context) error {
	accounts := schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
	for {
		_, err := c.dynamic.Resource(accounts).Namespace("default").Get(ctx, "default", metav1.GetOptions{})
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the default service account is not there: %w", err)
		case <-time.After(accountPause):
		}
	}
}

// accountPause is short because the controller manager makes the account
// within a fraction of a second of its start.
const accountPause = 50 * time.Millisecond

func (c *Client) apply(ctx context.Context, o *unstructured.Unstructured) error {
	gk := o.GroupVersionKind().GroupKind()
	r, ok := addonResources[gk]
	if !ok {
		return fmt.Errorf("add-on %s %s: its kind is not in the table of resources", gk.Kind, o.GetName())
	}
	gvr := schema.GroupVersionResource{Group: gk.Group, Version: r.version, Resource: r.resource}
	_, err := c.dynamic.Resource(gvr).Namespace(o.GetNamespace()).
		Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	if err != nil {
		return fmt.Errorf("applying %s %s: %w", gk.Kind, o.GetName(), err)
	}
	return nil
}
