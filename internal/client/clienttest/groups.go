package clienttest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// groupUUID is the UUID of every cluster's only group.
const groupUUID = "439aa682-398f-4061-a4d1-116da6b1154e"

// groupOperation is an operation on a node group under way. The first look at
// the events finds it in progress, the second ended.
type groupOperation struct {
	kind string
	seen bool
}

// Requests gives the requests that changed node groups, as "METHOD path
// body", with the cluster's name and without what every path begins with.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

// groupRoutes answers what changes node groups.
func (s *Server) groupRoutes(mux *http.ServeMux) {
	handle := func(pattern, kind string, status int, body string) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /v1/clusters/{c}"+path, func(w http.ResponseWriter, r *http.Request) {
			sent, _ := io.ReadAll(r.Body)
			var tidy any
			if json.Unmarshal(sent, &tidy) == nil {
				sent, _ = json.Marshal(tidy)
			}
			s.withCluster(func(w http.ResponseWriter, r *http.Request, c *cluster) {
				_, rest, _ := strings.Cut(r.URL.Path, "/v1/clusters/"+r.PathValue("c"))
				s.requests = append(s.requests, strings.TrimSpace(fmt.Sprintf("%s %s%s %s", method, c.name, rest, sent)))
				c.operation = &groupOperation{kind: kind}
				if status == http.StatusNoContent {
					w.WriteHeader(status)
					return
				}
				answer(w, status, body)
			})(w, r)
		})
	}
	uuid := fmt.Sprintf(`{"uuid":%q}`, groupUUID)
	handle("POST /nodegroups", "NODEGROUP_CREATE", 202, uuid)
	handle("DELETE /nodegroups/{g}", "NODEGROUP_DELETE", 204, "")
	handle("POST /actions/resize", "CLUSTER_RESIZE", 202, uuid)
	handle("POST /nodegroups/{g}/stop_node", "NODEGROUP_NODE_ACTION_NODE_STOP", 202, uuid)
	handle("POST /nodegroups/{g}/start_node", "NODEGROUP_NODE_ACTION_NODE_START", 202, uuid)
	handle("PATCH /nodegroups/{g}", "NODEGROUP_UPDATE_FLAVOR", 202, uuid)
	handle("POST /nodegroups/{g}/userscript", "NODEGROUP_USERSCRIPT_UPDATE", 202, uuid)
}

// groupEvents are the events of the operation on the group, if there is one.
func (s *Server) groupEvents(c *cluster) []string {
	o := c.operation
	if o == nil {
		return nil
	}
	state, contents := "IN_PROGRESS", "1/2 nodes: 0 of 1 Ready"
	if o.seen {
		if state, contents = "SUCCESS", ""; s.FailOperation != "" {
			state, contents = "FAIL", s.FailOperation
		}
	}
	o.seen = true
	event := c.event(o.kind, state, contents)
	event = strings.Replace(event, `"resource_uuid":"`+c.uuid+`"`, `"resource_uuid":"`+groupUUID+`"`, 1)
	event = strings.Replace(event, `"resource_name":"`+c.name+`"`, `"resource_name":"default-worker"`, 1)
	return []string{event}
}
