package clienttest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	fixed := func(pattern, body string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, body) })
	}
	fixed("GET /v1/supports", `{"supported_k8s":{"v1.9.9":true,"v1.29.3":true,"v1.30.3":true,"v1.31.4":false},"supported_event_type":{}}`)
	fixed("GET /image/v2/images", `{"images":[{"id":"img-old","name":"Retired","status":"deactivated","min_disk":1},
		{"id":"img-1","name":"Debian node","status":"active","min_disk":30,"login_username":"debian"}]}`)
	fixed("GET /compute/v2/p1/flavors/detail", `{"flavors":[{"id":"f-big","name":"m2.c4m8","ram":8192,"vcpus":4},
		{"id":"f-tiny","name":"t2.c1m1","ram":1024,"vcpus":1},{"id":"f-fit","name":"m2.c2m4","ram":4096,"vcpus":2}]}`)
	fixed("GET /network/v2.0/networks", `{"networks":[{"id":"ext-1","name":"Public","router:external":true},{"id":"vpc-1","name":"Default","router:external":false}]}`)
	fixed("GET /network/v2.0/vpcsubnets", `{"vpcsubnets":[
		{"id":"sub-ext","name":"public","vpc_id":"ext-1","cidr":"203.0.113.0/24","router:external":true,"routingtable":{"gateway_id":""}},
		{"id":"sub-in","name":"isolated","vpc_id":"vpc-1","cidr":"192.168.1.0/24","routingtable":{"gateway_id":null}},
		{"id":"sub-gw","name":"default","vpc_id":"vpc-1","cidr":"192.168.0.0/24","routingtable":{"gateway_id":"igw-1"}}]}`)
	fixed("GET /compute/v2/p1/os-availability-zone", `{"availabilityZoneInfo":[{"zoneName":"down","zoneState":{"available":false}},{"zoneName":"kr-pub-a","zoneState":{"available":true}}]}`)
	fixed("GET /volume/v3/p1/types", `{"volume_types":[{"id":"vt-1","name":"General HDD"}]}`)
	fixed("GET /compute/v2/p1/servers/detail", `{"servers":[{"id":"s-1","name":"c1-node-0","status":"ACTIVE","created":"2024-01-30T01:31:06Z","OS-EXT-AZ:availability_zone":"kr-pub-a",
		"metadata":{"cluster_uuid":"2b778d83-8b67-45b1-920e-000000000001","nodegroup_uuid":"439aa682-398f-4061-a4d1-116da6b1154e"},"addresses":{"Default":[{"addr":"192.168.0.5","version":4}]},"flavor":{"id":"f-fit"}},
		{"id":"s-2","name":"other-node-0","status":"ACTIVE","metadata":{"cluster_uuid":"another"},"addresses":{}}]}`)
	mux.HandleFunc("GET /compute/v2/p1/os-keypairs", func(w http.ResponseWriter, _ *http.Request) {
		if s.NoKeypair {
			answer(w, 200, `{"keypairs":[]}`)
			return
		}
		answer(w, 200, `{"keypairs":[{"keypair":{"name":"mine","public_key":"ssh-ed25519 AAAA","fingerprint":"aa:bb"}}]}`)
	})
	mux.HandleFunc("POST /compute/v2/p1/os-keypairs", makeKeypair)
	mux.HandleFunc("GET /v1/clusters", s.listClusters)
	mux.HandleFunc("POST /v1/clusters", s.createCluster)
	mux.HandleFunc("GET /v1/clusters/{c}", s.withCluster(func(w http.ResponseWriter, _ *http.Request, c *cluster) {
		answer(w, 200, c.json())
	}))
	mux.HandleFunc("DELETE /v1/clusters/{c}", s.withCluster(func(w http.ResponseWriter, _ *http.Request, c *cluster) {
		c.status, c.step = "DELETE_IN_PROGRESS", 0
		w.WriteHeader(204)
	}))
	mux.HandleFunc("GET /v1/clusters/{c}/config", s.withCluster(func(w http.ResponseWriter, _ *http.Request, c *cluster) {
		answer(w, 200, `{"config":"apiVersion: v1\nkind: Config\n# `+c.name+`\n"}`)
	}))
	mux.HandleFunc("PUT /v1/clusters/{c}/images", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.withCluster(func(w http.ResponseWriter, _ *http.Request, c *cluster) {
			s.images[c.name] = string(body)
			answer(w, 200, `{"images":["docker.io/library/app:v1"]}`)
		})(w, r)
	})
	mux.HandleFunc("GET /v1/clusters/{c}/nodegroups", s.withCluster(func(w http.ResponseWriter, _ *http.Request, c *cluster) {
		answer(w, 200, `{"nodegroups":[`+c.group()+`]}`)
	}))
	mux.HandleFunc("GET /v1/clusters/{c}/nodegroups/{g}", s.withCluster(func(w http.ResponseWriter, r *http.Request, c *cluster) {
		if r.PathValue("g") != "default-worker" {
			refuse(w, 404, "nodegroup "+r.PathValue("g")+" could not be found")
			return
		}
		answer(w, 200, c.group())
	}))
	s.groupRoutes(mux)
	mux.HandleFunc("GET /v1/clusters/{c}/events", s.withCluster(s.listEvents))
	mux.HandleFunc("GET /v1/clusters/{c}/events/{e}", s.withCluster(func(w http.ResponseWriter, _ *http.Request, c *cluster) {
		answer(w, 200, c.event("CLUSTER_CREATE", "SUCCESS", ""))
	}))
	return mux
}

func makeKeypair(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Keypair map[string]string `json:"keypair"`
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		http.Error(w, err.Error(), 400)
		return
	}
	req.Keypair["fingerprint"] = "cc:dd"
	if req.Keypair["public_key"] == "" {
		req.Keypair["public_key"], req.Keypair["private_key"] = "ssh-ed25519 BBBB", "-----BEGIN\n"
	}
	b, _ := json.Marshal(req)
	answer(w, 200, string(b))
}

// withCluster finds the cluster of a path by UUID or name.
func (s *Server) withCluster(next func(http.ResponseWriter, *http.Request, *cluster)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		wanted := r.PathValue("c")
		var found []*cluster
		for _, c := range s.clusters {
			if c.uuid == wanted || c.name == wanted {
				found = append(found, c)
			}
		}
		switch len(found) {
		case 0:
			refuse(w, 404, "cluster "+wanted+" could not be found")
		case 1:
			next(w, r, found[0])
		default:
			refuse(w, 409, "several clusters are named "+wanted+"; use the UUID")
		}
	}
}

func (s *Server) listClusters(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := 0
	if m := r.URL.Query().Get("marker"); m != "" {
		from = slices.IndexFunc(s.clusters, func(c *cluster) bool { return c.uuid == m }) + 1
	}
	page := s.clusters[from:]
	next := ""
	if s.PageSize > 0 && len(page) >= s.PageSize {
		page = page[:s.PageSize]
		// As a proxy in front would have it: a host that the client cannot reach.
		next = fmt.Sprintf(`,"next":"http://proxied.invalid/v1/clusters?limit=%d&marker=%s"`, s.PageSize, page[len(page)-1].uuid)
	}
	var all []string
	for _, c := range page {
		all = append(all, c.json())
	}
	answer(w, 200, `{"clusters":[`+strings.Join(all, ",")+`]`+next+`}`)
}

func (s *Server) createCluster(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var req struct{ Name string }
	if err := json.Unmarshal(body, &req); err != nil || req.Name == "" {
		refuse(w, 400, "name: is missing")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.created = append(s.created, body)
	answer(w, 202, fmt.Sprintf(`{"uuid":%q}`, s.add(req.Name).uuid))
}

// listEvents carries the operation under way on by one step.
func (s *Server) listEvents(w http.ResponseWriter, _ *http.Request, c *cluster) {
	events := []string{c.event("CLUSTER_CREATE", "SUCCESS", "")}
	if c.reason != "" {
		events[0] = c.event("CLUSTER_CREATE", "FAIL", c.reason)
	}
	switch c.status {
	case "CREATE_IN_PROGRESS":
		events[0] = c.event("CLUSTER_CREATE", "IN_PROGRESS", CreateSteps[c.step])
		if c.step++; c.step == len(CreateSteps) {
			c.status = "CREATE_COMPLETE"
			if s.FailCreate != "" {
				c.status, c.reason = "CREATE_FAILED", s.FailCreate
			}
		}
	case "DELETE_IN_PROGRESS":
		events = []string{c.event("CLUSTER_DELETE", "IN_PROGRESS", "1/1 machines: ending"), events[0]}
		if c.step++; c.step == 2 {
			s.clusters = slices.DeleteFunc(s.clusters, func(o *cluster) bool { return o == c })
		}
	}
	events = append(s.groupEvents(c), events...)
	answer(w, 200, `{"events":[`+strings.Join(events, ",")+`]}`)
}

func (c *cluster) json() string {
	reason := "null"
	if c.reason != "" {
		reason = fmt.Sprintf("%q", c.reason)
	}
	return fmt.Sprintf(`{"uuid":%q,"name":%q,"status":%q,"status_reason":%s,"api_address":"https://198.18.0.9:6443","coe_version":"v1.30.3",
		"node_count":1,"node_addresses":["192.168.0.5"],"health_status":"HEALTHY","health_status_reason":{"n-0.Ready":"True","api":"ok"},
		"keypair":"mine","flavor_id":"f-fit","fixed_network":"vpc-1","fixed_subnet":"sub-gw","create_timeout":60,"docker_volume_size":null,
		"labels":{"kube_tag":"v1.30.3","boot_volume_size":"30"},"created_at":"2024-01-30T01:31:06+00:00","updated_at":null,
		"links":[],"a_field_of_tomorrow":{"x":1}}`, c.uuid, c.name, c.status, reason)
}

func (c *cluster) group() string {
	return fmt.Sprintf(`{"id":7,"uuid":"439aa682-398f-4061-a4d1-116da6b1154e","name":"default-worker","role":"worker","is_default":true,"node_count":1,
		"min_node_count":1,"max_node_count":null,"flavor_id":"f-fit","image_id":"img-1","status":%q,"status_reason":null,"version":"v1.30.3","labels":{"ca_enable":"False"}}`, c.status)
}

func (c *cluster) event(kind, state, contents string) string {
	text := "null"
	if contents != "" {
		text = fmt.Sprintf("%q", contents)
	}
	return fmt.Sprintf(`{"id":3683,"uuid":"868f218a-9446-4500-b6b3-8c1a95e3d7c3","project_id":"p1","cluster_uuid":%q,"cluster_name":%q,
		"resource_uuid":%q,"resource_name":%q,"resource_type":"cluster","type":%q,"state":%q,"contents":%s,
		"created_at":"2024-01-30T01:31:06+00:00","updated_at":"2024-01-30T01:42:39+00:00"}`, c.uuid, c.name, c.uuid, c.name, kind, state, text)
}
