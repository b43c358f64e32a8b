package admission

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/quota"
)

// ResizePlan is an admitted request to bring a group to a number of nodes.
type ResizePlan struct {
	Group     string // UUID or name; "" is the default worker group
	NodeCount int
	// Remove are the UUIDs of the nodes that shall go, without repetitions;
	// empty leaves the choice to the service.
	Remove []string
}

// mostNodes bounds counts of nodes by themselves. Which of them a group may
// have depends on what it has: the engine checks it when it takes the lock.
const mostNodes = quota.MaxLimit

// Resize checks the form of a request to resize. What depends on the group's
// nodes the engine checks when it takes the lock: a quota among it, which
// refuses nothing that makes a group smaller.
func Resize(body []byte) (*ResizePlan, error) {
	o, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	if err := o.onlyKnown([]string{"nodegroup", "node_count", "nodes_to_remove"}); err != nil {
		return nil, err
	}
	plan := &ResizePlan{}
	if o.sent("nodegroup") {
		if plan.Group, err = o.text("nodegroup"); err != nil {
			return nil, err
		}
	}
	if plan.NodeCount, err = o.bounded("node_count", 1, mostNodes); err != nil {
		return nil, err
	}
	if o.sent("nodes_to_remove") {
		var nodes []string
		if json.Unmarshal(o["nodes_to_remove"], &nodes) != nil {
			return nil, hanok.Invalid("nodes_to_remove", "must be a list of node UUIDs")
		}
		if plan.Remove, err = nodeUUIDs("nodes_to_remove", nodes); err != nil {
			return nil, err
		}
	}
	return plan, nil
}

// NodeList reads the colon-separated list of a request to stop or start nodes.
func NodeList(body []byte) ([]string, error) {
	o, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	if err := o.onlyKnown([]string{"node_list"}); err != nil {
		return nil, err
	}
	list, err := o.text("node_list")
	if err != nil {
		return nil, err
	}
	return nodeUUIDs("node_list", strings.Split(list, ":"))
}

// nodeUUIDs checks a list of node UUIDs and gives them in lower case.
func nodeUUIDs(field string, nodes []string) ([]string, error) {
	const most = 1000 // far more than a cluster may have
	if len(nodes) > most {
		return nil, hanok.Invalid(field, "names %d nodes; no cluster has as many", len(nodes))
	}
	var uuids []string
	for _, n := range nodes {
		uuid := strings.ToLower(n)
		if !hanok.IsUUID(uuid) {
			return nil, hanok.Invalid(field, "%s is not a UUID", hanok.Quote(n))
		}
		if slices.Contains(uuids, uuid) {
			return nil, hanok.Invalid(field, "names node %s twice", uuid)
		}
		uuids = append(uuids, uuid)
	}
	return uuids, nil
}
