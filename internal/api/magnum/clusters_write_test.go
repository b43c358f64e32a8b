package magnum

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

func TestCreateCluster(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	a := c.call(c.admin, http.MethodPost, "/v1/clusters", c.good, "Content-Type", "application/json", "OpenStack-API-Version", "container-infra latest")
	if a.Code != 202 || strings.TrimSpace(a.Body.String()) != `{"uuid":"5801ef8a-3760-4858-b467-fc4c1201241d"}` {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	if len(c.engine.created) != 1 || c.engine.created[0].Group.NodeCount != 2 || c.engine.created[0].Cluster.ProjectID != c.admin.ProjectID {
		t.Errorf("the engine was asked for %+v", c.engine.created)
	}
	c.engine.fail = hanok.Errorf(hanok.KindUnavailable, "4096 MB of memory are wanted, 100 MB are left")
	if a := c.call(c.admin, http.MethodPost, "/v1/clusters", c.good); a.Code != 503 || !strings.Contains(a.detail(), "100 MB are left") {
		t.Errorf("a full machine: %d %s", a.Code, a.Body)
	}
	c.engine.fail = fmt.Errorf("disk: %w", context.Canceled)
	if a := c.call(c.admin, http.MethodPost, "/v1/clusters", c.good); a.Code != 500 || strings.Contains(a.Body.String(), "disk") {
		t.Errorf("a broken engine: %d %s", a.Code, a.Body)
	}
}

// TestBadCreateChangesNothing sends requests that are refused and compares
// what the store holds before and after.
func TestBadCreateChangesNothing(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.put(c.admin.ProjectID, "there-before")
	before := c.dump()
	good, err := json.Marshal(c.good)
	must(t, err)
	edited := func(field string, value any) string {
		body := maps.Clone(c.good)
		body[field] = value
		raw, err := json.Marshal(body)
		must(t, err)
		return string(raw)
	}
	for name, r := range map[string]struct {
		body  string
		code  int
		field string
	}{
		"empty":            {"", 400, "body: "},
		"broken":           {"{", 400, "body: "},
		"array":            {"[]", 400, "body: "},
		"trailing":         {string(good) + "{}", 400, "body: "},
		"oversized":        {`{"name":"` + strings.Repeat("x", 1<<20) + `"}`, 400, "body: "},
		"name":             {edited("name", "Upper"), 400, "name: "},
		"flavor":           {edited("flavor_id", "99999999-9999-4999-8999-999999999999"), 400, "flavor_id: "},
		"node_count":       {edited("node_count", 1000), 400, "node_count: "},
		"unknown field":    {edited("nodes", 1), 400, "nodes: "},
		"labels":           {edited("labels", map[string]any{"kube_tag": "v1.30.3"}), 400, "labels."},
		"not built":        {edited("addons", []any{1}), 501, "addons: "},
		"unknown template": {edited("cluster_template_id", "swarm"), 400, "cluster_template_id: "},
	} {
		a := c.call(c.admin, http.MethodPost, "/v1/clusters", r.body)
		if a.Code != r.code || !strings.HasPrefix(a.detail(), r.field) {
			t.Errorf("%s: %d %.200s; want %d on %s", name, a.Code, a.Body, r.code, r.field)
		}
	}
	if a := c.call(c.reader, http.MethodPost, "/v1/clusters", string(good)); a.Code != 403 {
		t.Errorf("a reader: %d", a.Code)
	}
	if len(c.engine.created) != 0 {
		t.Errorf("the engine was asked for %d clusters", len(c.engine.created))
	}
	if after := c.dump(); after != before {
		t.Errorf("the store changed:\n%s\nbefore:\n%s", after, before)
	}
}

// dump is all of the store that requests can change.
func (c *cloud) dump() string {
	c.t.Helper()
	var parts []any
	must(c.t, c.store.View(context.Background(), func(tx store.Tx) error {
		clusters, err := tx.Clusters("")
		if err != nil {
			return err
		}
		nodes, err := tx.AllNodes("")
		if err != nil {
			return err
		}
		parts = append(parts, clusters, nodes)
		for _, cl := range clusters {
			groups, err := tx.NodeGroups(cl.UUID)
			if err != nil {
				return err
			}
			events, err := tx.Events(cl.UUID)
			if err != nil {
				return err
			}
			parts = append(parts, groups, events)
		}
		open, err := tx.UnfinishedEvents("")
		parts = append(parts, open)
		return err
	}))
	raw, err := json.Marshal(parts)
	must(c.t, err)
	return string(raw)
}

func TestDeleteCluster(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cl, _ := c.put(c.admin.ProjectID, "doomed")
	for range 2 { // a second one while the first runs
		a := c.call(c.admin, http.MethodDelete, "/v1/clusters/doomed", nil, "Content-Type", "application/octet-stream")
		if a.Code != 204 || a.Body.Len() != 0 {
			t.Errorf("%d %s", a.Code, a.Body)
		}
	}
	if !slices.Equal(c.engine.deleted, []string{cl.UUID, cl.UUID}) {
		t.Errorf("deleted %v", c.engine.deleted)
	}
	if a := c.call(c.reader, http.MethodDelete, "/v1/clusters/doomed", nil); a.Code != 403 || len(c.engine.deleted) != 2 {
		t.Errorf("a reader: %d", a.Code)
	}
}
