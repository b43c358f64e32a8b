package catalogue

import (
	"net/http"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/auth"
	"github.com/hanok/hanok/internal/api/respond"
)

// defaultSecurityGroup is the name of the one group that each project has.
const defaultSecurityGroup = "default"

// securityGroup gives the project's default group. Its rules say what holds
// for nodes: nothing is filtered inside of a VPC, which nobody outside reaches.
func securityGroup(project, name string) object {
	if project == "" {
		return object{
			"id": "", "name": "", "description": "", "tenant_id": "", "project_id": "", "stateful": true, "shared": false,
			"revision_number": 0, "tags": []string{}, "security_group_rules": []object{}, "created_at": "", "updated_at": "",
		}
	}
	return object{
		"id": derivedID("security group", project), "name": defaultSecurityGroup, "tenant_id": project, "project_id": project,
		"description": "Every node of project " + name + " is in it: all traffic within a VPC is let through",
		"stateful":    true, "shared": false, "revision_number": 0, "tags": []string{},
		"security_group_rules": []object{securityRule(project, "egress"), securityRule(project, "ingress")},
		// Groups come with their project, which has no times.
		"created_at": epoch, "updated_at": epoch,
	}
}

const epoch = "1970-01-01T00:00:00Z"

func securityRule(project, direction string) object {
	return object{
		"id": derivedID(direction+" rule", project), "security_group_id": derivedID("security group", project),
		"tenant_id": project, "project_id": project, "direction": direction, "ethertype": "IPv4", "protocol": nil,
		"port_range_min": nil, "port_range_max": nil, "remote_ip_prefix": nil, "remote_group_id": nil,
		"description": "", "revision_number": 0, "created_at": epoch, "updated_at": epoch,
	}
}

// securityGroupOf gives the group of the caller's project.
func securityGroupOf(r *http.Request) object {
	t := auth.Token(r.Context())
	return securityGroup(t.ProjectID, t.ProjectName)
}

func (a *api) listSecurityGroups(w http.ResponseWriter, r *http.Request) error {
	return neutronList(w, r, "security_groups", []object{securityGroupOf(r)}, securityGroup("", ""))
}

func (a *api) showSecurityGroup(w http.ResponseWriter, r *http.Request) error {
	g := securityGroupOf(r)
	if g["id"] != r.PathValue("id") {
		return hanok.NotFound("security group", r.PathValue("id"))
	}
	respond.JSON(w, http.StatusOK, object{"security_group": g})
	return nil
}

func (a *api) listSecurityGroupRules(w http.ResponseWriter, r *http.Request) error {
	rules := securityGroupOf(r)["security_group_rules"].([]object)
	return neutronList(w, r, "security_group_rules", rules, securityRule("", ""))
}

func (a *api) showSecurityGroupRule(w http.ResponseWriter, r *http.Request) error {
	for _, rule := range securityGroupOf(r)["security_group_rules"].([]object) {
		if rule["id"] == r.PathValue("id") {
			respond.JSON(w, http.StatusOK, object{"security_group_rule": rule})
			return nil
		}
	}
	return hanok.NotFound("security group rule", r.PathValue("id"))
}

// listServerSecurityGroups is Nova's view of a server's groups.
func (a *api) listServerSecurityGroups(w http.ResponseWriter, r *http.Request) error {
	if _, err := a.server(r); err != nil {
		return err
	}
	g := securityGroupOf(r)
	respond.JSON(w, http.StatusOK, object{"security_groups": []object{{
		"id": g["id"], "name": g["name"], "description": g["description"], "tenant_id": g["tenant_id"], "rules": []object{},
	}}})
	return nil
}

// listServiceGateways is empty: what they lead to (a registry, an object
// storage) is not here, and the labels that name one are refused.
func (a *api) listServiceGateways(w http.ResponseWriter, r *http.Request) error {
	return neutronList(w, r, "servicegateways", []object{}, object{
		"id": "", "name": "", "tenant_id": "", "description": "", "network_id": "", "subnet_id": "", "fixed_ip": "",
		"status": "", "service_endpoint_id": "",
	})
}
