package catalogue

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
)

// nodeVolume is a volume of a node: its boot volume or one of its extra ones.
// It lives and dies with the node's machine, and so has no record of its own.
type nodeVolume struct {
	id, name, kind, device string
	sizeGB                 int
	boot                   bool
	server                 server
}

// volumesOf lists the volumes of a server, its boot volume first.
func volumesOf(s server) []nodeVolume {
	kind, size := s.group.BootVolume()
	volumes := []nodeVolume{{
		id: derivedID("boot volume", s.node.UUID), name: s.node.Name + "-boot-volume", kind: kind, device: "/dev/vda", sizeGB: size, boot: true, server: s,
	}}
	for i, v := range s.group.ExtraVolumes() {
		volumes = append(volumes, nodeVolume{
			id:   derivedID("extra volume "+strconv.Itoa(i), s.node.UUID),
			name: fmt.Sprintf("%s-extra-volume-%d", s.node.Name, i), kind: v.Type,
			device: "/dev/vd" + string(rune('b'+i)), sizeGB: v.SizeGB, server: s,
		})
	}
	return volumes
}

func (a *api) listVolumes(detail bool) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		servers, err := a.servers(r)
		if err != nil {
			return err
		}
		items := []object{}
		for _, s := range servers {
			for _, v := range volumesOf(s) {
				items = append(items, volumeObject(r, v))
			}
		}
		l := listing{ignored: []string{"all_tenants", "project_id"}} // a project sees its own only
		p, err := l.apply(r.URL.Query(), items, volumeObject(r, nodeVolume{}))
		if err != nil {
			return err
		}
		body := object{}
		if next := l.nextLink(r, respond.BaseURL(r)+volumePrefix+"/v3/"+project(r)+r.URL.Path, p); next != "" {
			body["volumes_links"] = []object{{"rel": "next", "href": next}}
		}
		if !detail {
			p.items = selected([]string{"id", "name", "links"}, p.items)
		}
		body["volumes"] = p.items
		respond.JSON(w, http.StatusOK, body)
		return nil
	}
}

func (a *api) showVolume(w http.ResponseWriter, r *http.Request) error {
	servers, err := a.servers(r)
	if err != nil {
		return err
	}
	for _, s := range servers {
		for _, v := range volumesOf(s) {
			if v.id == r.PathValue("id") {
				respond.JSON(w, http.StatusOK, object{"volume": volumeObject(r, v)})
				return nil
			}
		}
	}
	return hanok.NotFound("volume", r.PathValue("id"))
}

// volumeObject is in Cinder's form; a node's volume is always in use.
func volumeObject(r *http.Request, v nodeVolume) object {
	n := v.server.node
	base := respond.BaseURL(r) + volumePrefix
	made := n.CreatedAt.UTC().Format(novaMicros)
	return object{
		"id": v.id, "name": v.name, "description": nil, "size": v.sizeGB, "status": "in-use", "volume_type": v.kind,
		"bootable": strconv.FormatBool(v.boot), "availability_zone": v.server.group.Zone(), "user_id": v.server.cluster.UserID,
		"attachments": []object{{
			"id": v.id, "attachment_id": v.id, "volume_id": v.id, "server_id": n.UUID, "device": v.device, "host_name": n.Name,
			"attached_at": made,
		}},
		"metadata":  serverMetadata(v.server),
		"encrypted": false, "multiattach": false, "replication_status": nil, "snapshot_id": nil, "source_volid": nil,
		"consistencygroup_id": nil, "migration_status": nil, "os-vol-tenant-attr:tenant_id": n.ProjectID,
		"created_at": made, "updated_at": n.UpdatedAt.UTC().Format(novaMicros),
		"links": []object{
			{"rel": "self", "href": base + "/v3/" + project(r) + "/volumes/" + v.id},
			{"rel": "bookmark", "href": base + "/" + project(r) + "/volumes/" + v.id},
		},
	}
}

// listAttachments is Nova's view of a server's volumes.
func (a *api) listAttachments(w http.ResponseWriter, r *http.Request) error {
	s, err := a.server(r)
	if err != nil {
		return err
	}
	items := []object{}
	for _, v := range volumesOf(s) {
		items = append(items, object{"id": v.id, "volumeId": v.id, "serverId": s.node.UUID, "device": v.device})
	}
	respond.JSON(w, http.StatusOK, object{"volumeAttachments": items})
	return nil
}
