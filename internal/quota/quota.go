// Package quota keeps how much a project may have. A quota is set by an
// administrator; where none is set the default holds. It is checked in the
// transaction that takes, so that requests at once cannot pass it together.
package quota

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

// Resource is what is counted. Cluster is Magnum's; the others are hanok's.
type Resource string

// The resources.
const (
	Cluster   Resource = "Cluster"   // clusters of a project
	NodeGroup Resource = "NodeGroup" // worker groups of one cluster
	Node      Resource = "Node"      // nodes of one worker group
)

// Resources lists them all, with the limit of a project that has no quota.
func Resources() []Resource { return []Resource{Cluster, NodeGroup, Node} }

// defaults are the limits where none is set: Magnum's for clusters, the guide's
// for the nodes of a group.
var defaults = map[Resource]int{Cluster: 20, NodeGroup: 10, Node: 10}

// MaxLimit is the largest limit that can be set.
const MaxLimit = 1_000_000

// Quota is one project's limit of one resource. The times are zero where the
// default holds.
type Quota struct {
	ProjectID string
	Resource  Resource
	HardLimit int
	CreatedAt time.Time
	UpdatedAt time.Time
}

// IsSet tells whether an administrator set the quota.
func (q Quota) IsSet() bool { return !q.CreatedAt.IsZero() }

// ID names the quota; it follows from project and resource.
func (q Quota) ID() string {
	return uuid.NewSHA1(namespace, []byte(key(q.ProjectID, q.Resource))).String()
}

var namespace = uuid.MustParse("0d9d4b52-7a0f-5b3b-8f5e-3f5b8c1f7e10")

// kind is the store's kind of document; the body is the JSON of a Quota.
const kind = "quota"

func key(project string, r Resource) string { return project + "/" + string(r) }

// ReadResource gives the resource of a name; KindInvalid for one that is not
// counted.
func ReadResource(name string) (Resource, error) {
	if r := Resource(name); slices.Contains(Resources(), r) {
		return r, nil
	}
	return "", hanok.Invalid("resource", "%s is not counted; use Cluster, NodeGroup or Node", hanok.Quote(name))
}

// Of gives the limit that holds for a project.
func Of(tx store.Tx, project string, r Resource) (Quota, error) {
	d, err := tx.Document(kind, key(project, r))
	if hanok.KindOf(err) == hanok.KindNotFound {
		return Quota{ProjectID: project, Resource: r, HardLimit: defaults[r]}, nil
	}
	if err != nil {
		return Quota{}, err
	}
	return decode(d)
}

// List gives the quotas that are set, of one project or ("") of all, in the
// order of projects and resources.
func List(tx store.Tx, project string) ([]Quota, error) {
	docs, err := tx.Documents(kind, project)
	if err != nil {
		return nil, err
	}
	quotas := make([]Quota, 0, len(docs))
	for _, d := range docs {
		q, err := decode(d)
		if err != nil {
			return nil, err
		}
		quotas = append(quotas, q)
	}
	slices.SortFunc(quotas, func(a, b Quota) int {
		return strings.Compare(key(a.ProjectID, a.Resource), key(b.ProjectID, b.Resource))
	})
	return quotas, nil
}

func decode(d store.Document) (Quota, error) {
	var q Quota
	if err := json.Unmarshal(d.Body, &q); err != nil {
		return q, fmt.Errorf("decode quota %s of the store: %w", d.ID, err)
	}
	return q, nil
}

// leastLimit is 0 for what a project can be kept from making at all; a group
// that exists has a node.
func leastLimit(r Resource) int {
	if r == Node {
		return 1
	}
	return 0
}

// Set sets a project's limit. What the project has already stays, also beyond it.
func Set(tx store.Tx, project string, r Resource, limit int, now time.Time) (Quota, error) {
	if least := leastLimit(r); limit < least || limit > MaxLimit {
		return Quota{}, hanok.Invalid("hard_limit", "%d is out of bounds; it must be %d to %d", limit, least, MaxLimit)
	}
	q, err := Of(tx, project, r)
	if err != nil {
		return Quota{}, err
	}
	now = now.UTC().Truncate(time.Second)
	if q.IsSet() {
		q.UpdatedAt = now
	} else {
		q.CreatedAt = now
	}
	q.HardLimit = limit
	body, err := json.Marshal(q)
	if err != nil {
		return Quota{}, fmt.Errorf("encode quota: %w", err)
	}
	return q, tx.PutDocument(store.Document{
		Kind: kind, ID: key(project, r), Project: project, Name: string(r), Body: body, CreatedAt: q.CreatedAt,
	})
}

// Delete lets the default hold again; KindNotFound where it does.
func Delete(tx store.Tx, project string, r Resource) error {
	err := tx.DeleteDocument(kind, key(project, r))
	if hanok.KindOf(err) == hanok.KindNotFound {
		return hanok.Errorf(hanok.KindNotFound, "project %s has no quota of %s; the default holds", project, r)
	}
	return err
}

// Forget drops all quotas of a project that is gone.
func Forget(tx store.Tx, project string) error {
	all, err := List(tx, project)
	for _, q := range all {
		if err == nil {
			err = Delete(tx, project, q.Resource)
		}
	}
	return err
}
