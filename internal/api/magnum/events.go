package magnum

import (
	"net/http"
	"strings"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/store"
)

// eventView is an operation as the guide's task history shows it.
type eventView struct {
	ID           int64            `json:"id"`
	UUID         string           `json:"uuid"`
	ProjectID    string           `json:"project_id"`
	ClusterUUID  string           `json:"cluster_uuid"`
	ClusterName  string           `json:"cluster_name"`
	ResourceUUID string           `json:"resource_uuid"`
	ResourceName string           `json:"resource_name"`
	ResourceType string           `json:"resource_type"`
	Type         hanok.EventType  `json:"type"`
	State        hanok.EventState `json:"state"`
	Contents     *string          `json:"contents"`
	CreatedAt    *string          `json:"created_at"`
	UpdatedAt    *string          `json:"updated_at"`
}

func viewEvent(e hanok.Event) eventView {
	return eventView{
		ID: e.ID, UUID: e.UUID, ProjectID: e.ProjectID, ClusterUUID: e.ClusterUUID, ClusterName: e.ClusterName,
		ResourceUUID: e.ResourceUUID, ResourceName: e.ResourceName, ResourceType: e.ResourceType,
		Type: e.Type, State: e.State, Contents: orNull(e.Contents),
		CreatedAt: timestamp(e.CreatedAt), UpdatedAt: timestamp(e.UpdatedAt),
	}
}

// eventKeys are the fields that events can be sorted by.
var eventKeys = sortKeys[hanok.Event]{
	"uuid":       func(e hanok.Event) string { return e.UUID },
	"type":       func(e hanok.Event) string { return string(e.Type) },
	"state":      func(e hanok.Event) string { return string(e.State) },
	"created_at": func(e hanok.Event) string { return sortableTime(e.CreatedAt) },
	"updated_at": func(e hanok.Event) string { return sortableTime(e.UpdatedAt) },
}

// listEvents shows a cluster's history, newest first. It outlives the
// cluster: how a deletion ended can be read nowhere else.
func (a *api) listEvents(w http.ResponseWriter, r *http.Request) error {
	p, err := readPage(r)
	if err != nil {
		return err
	}
	body := struct {
		Events []eventView `json:"events"`
		Next   string      `json:"next,omitempty"`
	}{}
	err = a.viewEvents(r, func(_ store.Tx, all []hanok.Event) error {
		page, next, err := paginate(p, all, eventKeys)
		if err != nil {
			return err
		}
		body.Events, body.Next = []eventView{}, next
		for _, e := range page {
			body.Events = append(body.Events, viewEvent(e))
		}
		return nil
	})
	if err != nil {
		return err
	}
	respond.JSON(w, http.StatusOK, body)
	return nil
}

func (a *api) getEvent(w http.ResponseWriter, r *http.Request) error {
	id := strings.ToLower(r.PathValue("event"))
	if !hanok.IsUUID(id) {
		return hanok.Invalid("event", "%s must be the UUID of an event", hanok.Quote(id))
	}
	var e hanok.Event
	err := a.viewEvents(r, func(tx store.Tx, all []hanok.Event) (err error) {
		e, err = tx.Event(all[0].ClusterUUID, id)
		return err
	})
	if err != nil {
		return err
	}
	respond.JSON(w, http.StatusOK, viewEvent(e))
	return nil
}

// viewEvents runs fn over the events of the cluster whose UUID the path
// names: these paths take no names. fn sees at least one event.
func (a *api) viewEvents(r *http.Request, fn func(store.Tx, []hanok.Event) error) error {
	id := strings.ToLower(r.PathValue("cluster"))
	if !hanok.IsUUID(id) {
		return hanok.Invalid("cluster", "%s must be the UUID of a cluster; events are not found by its name", hanok.Quote(id))
	}
	project := auth.Token(r.Context()).ProjectID
	return a.Store.View(r.Context(), func(tx store.Tx) error {
		events, err := tx.Events(id)
		if err != nil {
			return err
		}
		// Every cluster has the event of its creation, so its events tell whose it is.
		if len(events) == 0 || events[0].ProjectID != project {
			return hanok.NotFound("cluster", id)
		}
		return fn(tx, events)
	})
}
