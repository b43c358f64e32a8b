package hanok

import (
	"maps"
	"slices"
	"testing"
)

func TestTypedReadingOfLabels(t *testing.T) {
	t.Parallel()
	var unsent Cluster
	if p := unsent.ServiceCIDR().String(); p != "10.254.0.0/16" {
		t.Errorf("service range %s", p)
	}
	if p := unsent.PodCIDR().String(); p != "10.100.0.0/16" {
		t.Errorf("pod range %s", p)
	}
	if n := unsent.PodSubnetSize(); n != 24 {
		t.Errorf("pod subnet %d", n)
	}
	if unsent.PublicEndpoint() || unsent.CNI() != "flannel" {
		t.Errorf("public %v, CNI %s", unsent.PublicEndpoint(), unsent.CNI())
	}
	sent := Cluster{Labels: map[string]string{
		LabelServiceCIDR: "10.20.0.0/16", LabelPodCIDR: "10.30.0.0/18", LabelPodSubnetSize: "26", LabelPublicEndpoint: "TRUE",
	}}
	if sent.ServiceCIDR().String() != "10.20.0.0/16" || sent.PodCIDR().String() != "10.30.0.0/18" || sent.PodSubnetSize() != 26 || !sent.PublicEndpoint() {
		t.Errorf("read %v %v %d %v", sent.ServiceCIDR(), sent.PodCIDR(), sent.PodSubnetSize(), sent.PublicEndpoint())
	}
	group := NodeGroup{Labels: map[string]string{LabelBootVolumeType: "General SSD", LabelBootVolumeSize: "50", LabelZone: "kr-pub-b"}}
	if volume, size := group.BootVolume(); volume != "General SSD" || size != 50 || group.Zone() != "kr-pub-b" {
		t.Errorf("read %s %d %s", volume, size, group.Zone())
	}
}

func TestShownLabelsKeepWhatWasSent(t *testing.T) {
	t.Parallel()
	sent := map[string]string{LabelCertManager: "true", LabelPodCIDR: "10.30.0.0/18", "extra_volumes": "[]", LabelZone: ""}
	c := Cluster{Labels: maps.Clone(sent)}
	shown := c.ShownLabels()
	for name, value := range sent {
		if got, ok := shown[name]; !ok || got != value {
			t.Errorf("%s: shown %q, sent %q", name, got, value)
		}
	}
	for name, want := range map[string]string{LabelCNI: "flannel", LabelServiceCIDR: "10.254.0.0/16", LabelPodSubnetSize: "24"} {
		if shown[name] != want {
			t.Errorf("%s: shown %q, want %q", name, shown[name], want)
		}
	}
	if len(shown) != len(sent)+3 || !maps.Equal(c.Labels, sent) {
		t.Errorf("shown %v, kept %v", shown, c.Labels)
	}
}

func TestIsOff(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		"": true, " ": true, "false": true, "False": true, "FALSE": true, "null": true, "[]": true, "[ ]": true, "{}": true,
		`{"enable":false}`: true, `{"enable":"False","rules":[]}`: true,
		"true": false, "True": false, "[1]": false, `{"a":1}`: false, `{"enable":true}`: false, `{"enable":"true"}`: false,
		"0": false, "x": false, "#!/bin/sh": false,
	} {
		if got := isOff(value); got != want {
			t.Errorf("isOff(%q) = %v, want %v", value, got, want)
		}
	}
}

func TestLabelsNotBuilt(t *testing.T) {
	t.Parallel()
	names := LabelsNotBuilt()
	for _, name := range []string{"ca_enable", "strict_sg_rules", "ncr_sgw", "skm"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is missing in %v", name, names)
		}
	}
	if !slices.IsSorted(names) || slices.Contains(names, LabelKubeTag) || slices.Contains(names, "os_distro") {
		t.Errorf("got %v", names)
	}
}
