package hanok

import (
	"slices"
	"strings"
	"testing"
)

func TestReadExtraVolumes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]ExtraVolume{
		"": nil, " ": nil, "[]": nil, "null": nil,
		`[{"volume_type":"General HDD","volume_size":100,"volume_mount_path":"/data"}]`:                                                       {{Type: "General HDD", SizeGB: 100, MountPath: "/data"}},
		`[{"volume_type":"a","volume_size":"2048"},{"volume_type":"b","volume_size":1,"volume_mount_path":""}]`:                               {{Type: "a", SizeGB: 2048}, {Type: "b", SizeGB: 1}},
		`[{"volume_type":"a","volume_size":1,"volume_key_id":"k","volume_appkey":"x","volume_mount_path":"/home/debian/d"}]`:                  {{Type: "a", SizeGB: 1, MountPath: "/home/debian/d", Encrypted: true}},
		`[{"volume_type":"a","volume_size":1,"volume_key_id":"","volume_appkey":null,"volume_mount_path":"/var/lib/docker"}]`:                 {{Type: "a", SizeGB: 1, MountPath: "/var/lib/docker"}},
		`[{"volume_type":"a","volume_size":1,"volume_mount_path":"/d"},{"volume_type":"a","volume_size":1,"volume_mount_path":"/d/e.f_g-h"}]`: {{Type: "a", SizeGB: 1, MountPath: "/d"}, {Type: "a", SizeGB: 1, MountPath: "/d/e.f_g-h"}},
	} {
		got, err := ReadExtraVolumes("f", text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
		if group := (NodeGroup{Labels: map[string]string{LabelExtraVolumes: text}}).ExtraVolumes(); !slices.Equal(group, want) {
			t.Errorf("%s: the group has %+v", text, group)
		}
	}
}

func TestBadExtraVolumes(t *testing.T) {
	t.Parallel()
	at := func(path string) string {
		return `[{"volume_type":"a","volume_size":1,"volume_mount_path":"` + path + `"}]`
	}
	one := `{"volume_type":"a","volume_size":1}`
	for _, c := range []struct{ text, field, says string }{
		{`x`, "f", "array"}, {`{}`, "f", "array"}, {`[1]`, "f[0]", "object"}, {`[null]`, "f[0]", "object"},
		{"[" + strings.Repeat(one+",", 3) + one + "]", "f", "at most 3"},
		{`[{"volume_size":1}]`, "f[0].volume_type", "missing"}, {`[{"volume_type":1,"volume_size":1}]`, "f[0].volume_type", "string"},
		{`[` + one + `,{"volume_type":"a"}]`, "f[1].volume_size", "missing"},
		{`[{"volume_type":"a","volume_size":1.5}]`, "f[0].volume_size", "integer"}, {`[{"volume_type":"a","volume_size":"big"}]`, "f[0].volume_size", "integer"},
		{`[{"volume_type":"a","volume_size":0}]`, "f[0].volume_size", "out of bounds"}, {`[{"volume_type":"a","volume_size":2049}]`, "f[0].volume_size", "out of bounds"},
		{`[{"volume_type":"a","volume_size":-1}]`, "f[0].volume_size", "out of bounds"},
		{`[{"volume_type":"a","volume_size":1,"size":1}]`, "f[0].size", "known"},
		{at("data"), "f[0].volume_mount_path", "absolute"}, {at("/"), "f[0].volume_mount_path", "root"}, {at("/a/../etc"), "f[0].volume_mount_path", "without"},
		{at("/a//b"), "f[0].volume_mount_path", "must consist"}, {at("/a/"), "f[0].volume_mount_path", "must consist"}, {at("/a b"), "f[0].volume_mount_path", "must consist"},
		{at("/" + strings.Repeat("a", 255)), "f[0].volume_mount_path", "at most 255"},
		{at("/etc"), "f[0].volume_mount_path", "/etc"}, {at("/usr/local"), "f[0].volume_mount_path", "/usr"}, {at("/var"), "f[0].volume_mount_path", "hide"},
		{at("/var/lib/kubelet/pods"), "f[0].volume_mount_path", "/var/lib/kubelet"}, {at("/opt"), "f[0].volume_mount_path", "hide"},
		{`[` + at("/d")[1:len(at("/d"))-1] + `,` + at("/d")[1:len(at("/d"))-1] + `]`, "f[1].volume_mount_path", "another volume"},
	} {
		_, err := ReadExtraVolumes("f", c.text)
		if err == nil || KindOf(err) != KindInvalid || !strings.HasPrefix(err.Error(), c.field+": ") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v; want %s with %q", c.text, err, c.field, c.says)
		}
	}
}
