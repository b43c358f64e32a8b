package hanok

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// goodLabels are the newer guide's, less what is not built yet.
func goodLabels() map[string]string {
	return map[string]string{
		"availability_zone": "kr2-pub-b", "boot_volume_size": "20", "boot_volume_type": "General HDD",
		"ca_enable": "false", "ca_max_node_count": "10", "ca_min_node_count": "1",
		"ca_scale_down_delay_after_add": "3", "ca_scale_down_enable": "true", "ca_scale_down_unneeded_time": "3", "ca_scale_down_util_thresh": "50",
		"cert_manager_api": "True", "clusterautoscale": "nodegroupfeature",
		"external_network_id": "751b8227-7b45-440a-9349-dbf829d0aba5", "external_subnet_id_list": "59ddc195-76b1-431d-9693-f09880747dc6",
		"kube_tag": "v1.30.3", "master_lb_floating_ip_enabled": "true", "node_image": "f462a2a5-ba24-46d6-b7a1-9a9febcd3cfc", "user_script_v2": "",
	}
}

func TestCheckLabels(t *testing.T) {
	t.Parallel()
	const absent = "\x00"
	for _, c := range []struct {
		name, value string // the label to change; absent removes it
		want        string // part of the error; "" is allowed
	}{
		{"kube_tag", "v1.30.3", ""},
		{"availability_zone", "", ""}, {"availability_zone", absent, "is missing"},
		{"node_image", absent, "is missing"}, {"node_image", "", "must not be empty"}, {"node_image", "debian", "must be the UUID"},
		{"boot_volume_type", absent, "is missing"}, {"boot_volume_type", "", "must not be empty"},
		{"boot_volume_size", absent, "is missing"}, {"boot_volume_size", "0", "out of bounds"},
		{"boot_volume_size", "-1", "out of bounds"}, {"boot_volume_size", "2049", "out of bounds"}, {"boot_volume_size", "2048", ""},
		{"cert_manager_api", absent, "is missing"}, {"cert_manager_api", "False", `must be "True"`}, {"cert_manager_api", "TRUE", ""},
		{"ca_enable", absent, "is missing"}, {"ca_enable", "", "must not be empty"},
		{"kube_tag", absent, "is missing"}, {"master_lb_floating_ip_enabled", absent, "is missing"},
		{"clusterautoscale", absent, ""}, {"clusterautoscale", "other", `must be "nodegroupfeature"`},
		{"cni_driver", "flannel", ""}, {"cni_driver", "", ""}, {"cni_driver", "calico-ebpf", ""},
		{"cni_driver", "calico", "no images of Calico"}, {"cni_driver", "cilium", "not a known CNI"},
		{"external_network_id", absent, "is missing; external_subnet_id_list needs it"},
		{"external_subnet_id_list", absent, "is missing; external_network_id needs it"},
		{"user_script", "#!/bin/sh\n", ""}, {"user_script", "echo", "must begin with"},
		{"extra_volumes", `[{"volume_type":"a","volume_size":1}]`, ""},
		{"user_script_v2", "#!" + strings.Repeat("x", UserScriptMax-2), ""},
		{"user_script_v2", "#!" + strings.Repeat("x", UserScriptMax-1), "at most 65536"},
	} {
		labels := goodLabels()
		if labels[c.name] = c.value; c.value == absent {
			delete(labels, c.name)
		}
		err := CheckLabels(labels)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s=%q: %v; want it allowed", c.name, Quote(c.value), err)
		case c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "labels."+c.name+": ") || !strings.Contains(err.Error(), c.want) || KindOf(err) != KindInvalid):
			t.Errorf("%s=%q: error %v; want %q", c.name, Quote(c.value), err, c.want)
		}
	}
}

func TestFloatingIPNeedsTheInternetGatewaySide(t *testing.T) {
	t.Parallel()
	labels := goodLabels()
	delete(labels, LabelExternalNetwork)
	delete(labels, LabelExternalSubnets)
	if err := CheckLabels(labels); err == nil || !strings.HasPrefix(err.Error(), "labels.external_network_id: is missing") {
		t.Errorf("public endpoint without external_*: %v", err)
	}
	labels[LabelPublicEndpoint] = "False"
	if err := CheckLabels(labels); err != nil {
		t.Errorf("private endpoint without external_*: %v", err)
	}
}

func TestAutoscalerBoundsCountWhenItIsOn(t *testing.T) {
	t.Parallel()
	on := goodLabels()
	on[LabelCAEnable], on["ca_scale_down_delay_after_add"] = "True", "10"
	if err := CheckLabels(on); err != nil {
		t.Fatalf("good bounds: %v", err)
	}
	for _, c := range []struct{ name, value string }{
		{LabelCAMin, "0"}, {LabelCAMin, "11"}, {LabelCAMax, "0"}, {LabelCAMax, "11"}, {LabelCAMin, "-1"},
		{"ca_scale_down_unneeded_time", "0"}, {"ca_scale_down_unneeded_time", "1441"},
		{"ca_scale_down_util_thresh", "0"}, {"ca_scale_down_util_thresh", "101"},
		{"ca_scale_down_delay_after_add", "9"}, {"ca_scale_down_delay_after_add", "1441"}, {"ca_pod_replicas", "0"},
	} {
		labels := maps.Clone(on)
		labels[c.name] = c.value
		if err := CheckLabels(labels); err == nil || !strings.HasPrefix(err.Error(), "labels."+c.name+": ") {
			t.Errorf("%s=%s with ca_enable: error %v", c.name, c.value, err)
		}
		labels[LabelCAEnable] = "False"
		if err := CheckLabels(labels); err != nil {
			t.Errorf("%s=%s without ca_enable: %v", c.name, c.value, err)
		}
	}
	crossed := maps.Clone(on)
	crossed[LabelCAMin], crossed[LabelCAMax] = "5", "4"
	if err := CheckLabels(crossed); err == nil || !strings.HasPrefix(err.Error(), "labels.ca_min_node_count: ") {
		t.Errorf("min above max: %v", err)
	}
}

func TestLabelsWanted(t *testing.T) {
	t.Parallel()
	if got := LabelsWanted(goodLabels()); len(got) != 0 {
		t.Errorf("off-values are taken for wishes: %v", got)
	}
	for name, value := range map[string]string{
		"ca_enable": "True", "strict_sg_rules": "true",
		"additional_network_id_list": "x", "additional_subnet_id_list": "x", "extra_security_groups": `[{"target_subnet":"x"}]`,
		"boot_volume_key_id": "k", "boot_volume_appkey": "a", "ncr_sgw": "x", "obs_sgw": "x",
		"mba_scale_out": `{"enable":true}`, "mba_scale_in": `{"enable":"True"}`, "fip_auto_bind_enable": "True", "fip_bind_subnet": "x",
		"fip_selector": "x", "k8s_node_labels": `{"a":"b"}`, "control_plane_log": `{"enable":true}`, "skm": `{"key_id":"x"}`, "cni_driver": "calico-ebpf",
	} {
		labels := goodLabels()
		labels[name] = value
		if got := LabelsWanted(labels); !slices.Equal(got, []string{name}) {
			t.Errorf("%s=%s: %v", name, value, got)
		}
	}
	encrypted := goodLabels()
	encrypted[LabelExtraVolumes] = `[{"volume_type":"a","volume_size":1,"volume_key_id":"k","volume_appkey":"a"}]`
	if got := LabelsWanted(encrypted); !slices.Equal(got, []string{"extra_volumes[].volume_key_id"}) {
		t.Errorf("an encrypted extra volume: %v", got)
	}
	for _, name := range LabelsNotBuilt() {
		for _, off := range []string{"", "False", "[]", "{}"} {
			if got := LabelsWanted(map[string]string{name: off}); len(got) != 0 {
				t.Errorf("%s=%q: %v", name, off, got)
			}
		}
	}
}
