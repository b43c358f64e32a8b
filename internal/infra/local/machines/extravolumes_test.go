package machines

import (
	"os"
	"strings"
	"testing"

	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/local/machines/disk"
)

// TestExtraVolumes looks at extra volumes from inside a machine, through a
// stop and a start, and after its end.
func TestExtraVolumes(t *testing.T) {
	b := newBench(t, nil)
	spec := b.spec()
	spec.ExtraVolumes = []infra.ExtraVolume{
		{Volume: infra.Volume{Type: "General SSD", SizeGB: 2}, MountPath: "/srv/data/inner"},
		{Volume: infra.Volume{Type: "General HDD", SizeGB: 1}},
		{Volume: infra.Volume{Type: "General HDD", SizeGB: 3}, MountPath: "/srv/data"},
	}
	before, err := b.m.Capacity()
	if err != nil {
		t.Fatal(err)
	}
	v := b.create(spec)
	b.await(v.ID, infra.MachineActive)
	if now, _ := b.m.Capacity(); now.UsedDiskGB-before.UsedDiskGB != spec.BootVolume.SizeGB+6 {
		t.Errorf("the machine's volumes are counted with %d GiB, want %d", now.UsedDiskGB-before.UsedDiskGB, spec.BootVolume.SizeGB+6)
	}
	for _, tt := range []struct{ what, command, want string }{
		{"sizes", "df -BG --output=size,fstype,target /srv/data /srv/data/inner | tail -n +2 | tr -s ' ' | sed 's/^ //'", "3G ext4 /srv/data\n2G ext4 /srv/data/inner"},
		{"access", "stat -c %a /srv/data /srv/data/inner", "755\n755"},
		{"blank device", "stat -c %F /dev/vdc; head -c 1048576 /dev/vdc | tr -d '\\0' | wc -c; ls /dev | grep -c ^vd", "block special file\n0\n1"},
		{"its size", "python3 -c 'import os; print(os.lseek(os.open(\"/dev/vdc\", os.O_RDONLY), 0, 2))'", "1073741824"},
	} {
		if got := b.sh(v.ID, tt.command); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, got, tt.want)
		}
	}
	b.sh(v.ID, "echo one > /srv/data/kept; echo two > /srv/data/inner/kept; printf raw | dd of=/dev/vdc conv=notrunc,fsync status=none; sync")
	if err := b.m.Stop(v.ID); err != nil {
		t.Fatal(err)
	}
	b.await(v.ID, infra.MachineShutoff)
	if loops, err := disk.Loops(func(backing string) bool { return strings.Contains(backing, v.ID) }); err != nil || len(loops) > 0 {
		t.Errorf("a stopped machine holds the loop devices %v (%v)", loops, err)
	}
	if err := b.m.Start(v.ID); err != nil {
		t.Fatal(err)
	}
	b.await(v.ID, infra.MachineActive)
	if got := b.sh(v.ID, "cat /srv/data/kept /srv/data/inner/kept; head -c 3 /dev/vdc"); got != "one\ntwo\nraw" {
		t.Errorf("after a stop and a start the volumes hold %q", got)
	}
	if err := b.m.Delete(v.ID); err != nil {
		t.Fatal(err)
	}
	b.await(v.ID, infra.MachineDeleted)
	b.nothingLeft(v.ID)
	if after, _ := b.m.Capacity(); after != before {
		t.Errorf("capacity after the delete %+v, before %+v", after, before)
	}
	if _, err := os.Stat(b.m.stateOf(v.ID)); err == nil {
		t.Error("the volumes' files are still there")
	}
}

// TestExtraVolumesDoNotFit: they count like the boot volume.
func TestExtraVolumesDoNotFit(t *testing.T) {
	b := newBench(t, nil)
	c, err := b.m.Capacity()
	if err != nil {
		t.Fatal(err)
	}
	spec := b.spec()
	spec.ExtraVolumes = []infra.ExtraVolume{{Volume: infra.Volume{SizeGB: c.DiskGB + 1}, MountPath: "/data"}}
	if _, err := b.m.Create(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "GiB") {
		t.Errorf("a machine with too much disk: %v", err)
	}
	if after, _ := b.m.Capacity(); after != c {
		t.Errorf("capacity after the refusal %+v, before %+v", after, c)
	}
}
