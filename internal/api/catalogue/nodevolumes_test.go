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
	boot := all.At("volumes/0").(map[string]any)
	if boot["size"] != 20.0 || boot["volume_type"] != "General SSD" || boot["status"] != "in-use" || boot["bootable"] != "true" || boot["availability_zone"] != "kr-pub-a" ||
		all.At("volumes/0/attachments/0/server_id") != firstNode || all.At("volumes/2/size") != 10.0 || all.At("volumes/2/bootable") != "false" {
		t.Errorf("%s", all.Raw)
	}
	id := boot["id"].(string)
	if one := f.get(path + "/" + id); one.At("volume/name") != boot["name"] {
		t.Errorf("%s", one.Raw)
	}
	if brief := f.get(path + "?name=" + boot["name"].(string)); brief.field("volumes", "id") != id || brief.At("volumes/0/size") != nil {
		t.Errorf("%s", brief.Raw)
	}
	page := f.get(path + "?limit=1")
	if next, _ := page.At("volumes_links/0/href").(string); !strings.Contains(next, "marker=") || !strings.HasPrefix(next, f.server.URL+path) {
		t.Errorf("%s", page.Raw)
	}
	attached := f.get("/compute/v2.1/servers/" + firstNode + "/os-volume_attachments")
	if attached.At("volumeAttachments/0/volumeId") != id || attached.At("volumeAttachments/1/device") != "/dev/vdb" || attached.At("volumeAttachments/2") != nil {
		t.Errorf("%s", attached.Raw)
	}
	if s := f.get("/compute/v2.1/servers/" + firstNode); s.At("server/os-extended-volumes:volumes_attached/0/id") != id || s.At("server/security_groups/0/name") != "default" {
		t.Errorf("%s", s.Raw)
	}
	if a := f.do(f.eve, "GET", "/volume/v3/"+f.eve.ProjectID+"/volumes/"+id, ""); a.Status != 404 {
		t.Errorf("another project's: %d %s", a.Status, a.Raw)
	}
	if a := f.do(f.eve, "GET", "/volume/v3/"+f.eve.ProjectID+"/volumes/detail", ""); a.Status != 200 || strings.Contains(a.Raw, id) {
		t.Errorf("another project lists: %d %s", a.Status, a.Raw)
	}
	if a := f.do(f.token, "GET", path+"?sort=moon", ""); a.Status != 400 {
		t.Errorf("an unknown order: %d %s", a.Status, a.Raw)
	}
}
