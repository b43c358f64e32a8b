package catalogue

import (
	"strings"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/store"
)

// label changes the labels of the fixture's group.
func (f *fixture) label(labels map[string]string) {
	f.Helper()
	f.ok(f.store.Update(f.Context(), func(tx store.Tx) error {
		g, err := tx.NodeGroup(clusterUUID, groupUUID)
		if err != nil {
			return err
		}
		g.Labels = labels
		_, err = tx.PutNodeGroup(g)
		return err
	}))
}

func TestVolumesOfNodes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.label(map[string]string{
		hanok.LabelBootVolumeType: "General SSD", hanok.LabelBootVolumeSize: "20", hanok.LabelZone: "kr-pub-a",
		hanok.LabelExtraVolumes: `[{"volume_type":"General HDD","volume_size":10,"volume_mount_path":"/data"}]`,
	})
	path := "/volume/v3/" + f.token.ProjectID + "/volumes"
	all := f.get(path + "/detail?sort=size:desc,name")
	if got := all.field("volumes", "name"); got != "prod-default-w-1-boot-volume prod-default-w-2-boot-volume prod-default-w-1-extra-volume-0 prod-default-w-2-extra-volume-0" {
		t.Fatalf("volumes %s", got)
	}
	boot := all.at("volumes/0").(map[string]any)
	if boot["size"] != 20.0 || boot["volume_type"] != "General SSD" || boot["status"] != "in-use" || boot["bootable"] != "true" || boot["availability_zone"] != "kr-pub-a" ||
		all.at("volumes/0/attachments/0/server_id") != firstNode || all.at("volumes/2/size") != 10.0 || all.at("volumes/2/bootable") != "false" {
		t.Errorf("%s", all.raw)
	}
	id := boot["id"].(string)
	if one := f.get(path + "/" + id); one.at("volume/name") != boot["name"] {
		t.Errorf("%s", one.raw)
	}
	if brief := f.get(path + "?name=" + boot["name"].(string)); brief.field("volumes", "id") != id || brief.at("volumes/0/size") != nil {
		t.Errorf("%s", brief.raw)
	}
	page := f.get(path + "?limit=1")
	if next, _ := page.at("volumes_links/0/href").(string); !strings.Contains(next, "marker=") || !strings.HasPrefix(next, f.server.URL+path) {
		t.Errorf("%s", page.raw)
	}
	attached := f.get("/compute/v2.1/servers/" + firstNode + "/os-volume_attachments")
	if attached.at("volumeAttachments/0/volumeId") != id || attached.at("volumeAttachments/1/device") != "/dev/vdb" || attached.at("volumeAttachments/2") != nil {
		t.Errorf("%s", attached.raw)
	}
	if s := f.get("/compute/v2.1/servers/" + firstNode); s.at("server/os-extended-volumes:volumes_attached/0/id") != id || s.at("server/security_groups/0/name") != "default" {
		t.Errorf("%s", s.raw)
	}
	if a := f.do(f.eve, "GET", "/volume/v3/"+f.eve.ProjectID+"/volumes/"+id, ""); a.status != 404 {
		t.Errorf("another project's: %d %s", a.status, a.raw)
	}
	if a := f.do(f.eve, "GET", "/volume/v3/"+f.eve.ProjectID+"/volumes/detail", ""); a.status != 200 || strings.Contains(a.raw, id) {
		t.Errorf("another project lists: %d %s", a.status, a.raw)
	}
	if a := f.do(f.token, "GET", path+"?sort=moon", ""); a.status != 400 {
		t.Errorf("an unknown order: %d %s", a.status, a.raw)
	}
}
