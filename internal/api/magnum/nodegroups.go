package magnum

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/store"
)

// groupSummary is a node group in a list.
type groupSummary struct {
	UUID         string       `json:"uuid"`
	Name         string       `json:"name"`
	FlavorID     string       `json:"flavor_id"`
	ImageID      string       `json:"image_id"`
	IsDefault    bool         `json:"is_default"`
	MaxNodeCount *int         `json:"max_node_count"`
	MinNodeCount int          `json:"min_node_count"`
	NodeCount    int          `json:"node_count"`
	Role         string       `json:"role"`
	StackID      string       `json:"stack_id"`
	Status       hanok.Status `json:"status"`
}

// groupDetail is a node group by itself.
type groupDetail struct {
	groupSummary
	ID               int64             `json:"id"`
	ClusterID        string            `json:"cluster_id"`
	CreatedAt        *string           `json:"created_at"`
	UpdatedAt        *string           `json:"updated_at"`
	DockerVolumeSize *int              `json:"docker_volume_size"`
	Labels           map[string]string `json:"labels"`
	Links            []link            `json:"links"`
	NodeAddresses    []string          `json:"node_addresses"`
	ProjectID        string            `json:"project_id"`
	StatusReason     *string           `json:"status_reason"`
	Version          *string           `json:"version"`
}

func summarizeGroup(g hanok.NodeGroup) groupSummary {
	return groupSummary{
		UUID: g.UUID, Name: g.Name, FlavorID: g.FlavorID, ImageID: g.ImageID, IsDefault: g.IsDefault,
		MaxNodeCount: g.MaxNodeCount, MinNodeCount: g.MinNodeCount, NodeCount: g.NodeCount, Role: g.Role,
		StackID: g.StackID, Status: g.Status,
	}
}

// groupKeys are the fields that node groups can be sorted by.
var groupKeys = sortKeys[hanok.NodeGroup]{
	"uuid":       func(g hanok.NodeGroup) string { return g.UUID },
	"name":       func(g hanok.NodeGroup) string { return g.Name },
	"role":       func(g hanok.NodeGroup) string { return g.Role },
	"status":     func(g hanok.NodeGroup) string { return string(g.Status) },
	"flavor_id":  func(g hanok.NodeGroup) string { return g.FlavorID },
	"image_id":   func(g hanok.NodeGroup) string { return g.ImageID },
	"created_at": func(g hanok.NodeGroup) string { return sortableTime(g.CreatedAt) },
	"updated_at": func(g hanok.NodeGroup) string { return sortableTime(g.UpdatedAt) },
}

func (a *api) listNodeGroups(w http.ResponseWriter, r *http.Request) error {
	p, err := readPage(r)
	if err != nil {
		return err
	}
	role := r.URL.Query().Get("role")
	body := struct {
		NodeGroups []groupSummary `json:"nodegroups"`
		Next       string         `json:"next,omitempty"`
	}{}
	err = a.view(r, func(tx store.Tx, c hanok.Cluster) error {
		all, err := tx.NodeGroups(c.UUID)
		if err != nil {
			return err
		}
		var wanted []hanok.NodeGroup
		for _, g := range all {
			if role == "" || g.Role == role {
				wanted = append(wanted, g)
			}
		}
		page, next, err := paginate(p, wanted, groupKeys)
		if err != nil {
			return err
		}
		body.NodeGroups, body.Next = []groupSummary{}, next
		for _, g := range page {
			body.NodeGroups = append(body.NodeGroups, summarizeGroup(g))
		}
		return nil
	})
	if err != nil {
		return err
	}
	respond.JSON(w, http.StatusOK, body)
	return nil
}

func (a *api) getNodeGroup(w http.ResponseWriter, r *http.Request) error {
	idOrName := r.PathValue("nodegroup")
	var body groupDetail
	err := a.view(r, func(tx store.Tx, c hanok.Cluster) error {
		if idOrName == hanok.DefaultMasterGroup {
			return hanok.Errorf(hanok.KindForbidden, "%s is the control plane, which the service manages; it can only be upgraded", idOrName)
		}
		g, err := tx.NodeGroup(c.UUID, strings.ToLower(idOrName))
		if err != nil {
			return err
		}
		body, err = detailGroup(r, tx, g)
		return err
	})
	if err != nil {
		return err
	}
	respond.JSON(w, http.StatusOK, body)
	return nil
}

func detailGroup(r *http.Request, tx store.Tx, g hanok.NodeGroup) (groupDetail, error) {
	addresses, err := workerAddresses(tx, g.ClusterUUID, g.UUID)
	return groupDetail{
		groupSummary: summarizeGroup(g), ID: g.ID, ClusterID: g.ClusterUUID,
		CreatedAt: timestamp(g.CreatedAt), UpdatedAt: timestamp(g.UpdatedAt), Labels: groupLabels(g),
		Links:         links(r, "/clusters/"+g.ClusterUUID+"/nodegroups/"+g.UUID),
		NodeAddresses: addresses, ProjectID: g.ProjectID, StatusReason: orNull(g.StatusReason), Version: orNull(g.Version),
	}, err
}

// groupLabels are a group's labels with those that clients rely on.
func groupLabels(g hanok.NodeGroup) map[string]string {
	shown := map[string]string{
		hanok.LabelKubeTag:  g.Version,
		hanok.LabelCAEnable: "False",
		hanok.LabelCAMin:    strconv.Itoa(g.MinNodeCount),
	}
	if g.MaxNodeCount != nil {
		shown[hanok.LabelCAMax] = strconv.Itoa(*g.MaxNodeCount)
	}
	for name, value := range g.Labels {
		shown[name] = value
	}
	return shown
}
