package hanok

// groupLabels are the labels that a request for a node group may carry
// (guide, "Create a Node Group"); the others are the cluster's.
var groupLabels = map[string]bool{
	LabelZone: true, LabelBootVolumeType: true, LabelBootVolumeSize: true,
	"boot_volume_key_id": true, "boot_volume_appkey": true,

	LabelAutoscaler: true, LabelCAEnable: true, LabelCAMin: true, LabelCAMax: true,
	"ca_scale_down_enable": true, "ca_scale_down_unneeded_time": true, "ca_scale_down_util_thresh": true,
	"ca_scale_down_delay_after_add": true, "ca_pod_replicas": true,

	"user_script": true, "user_script_v2": true,
	"additional_network_id_list": true, "additional_subnet_id_list": true,
	"extra_security_groups": true, "extra_volumes": true,
	"mba_scale_out": true, "mba_scale_in": true,
	"fip_auto_bind_enable": true, "fip_bind_subnet": true, "fip_selector": true,
	"k8s_node_labels": true,
}

// requiredGroupLabels must be sent with every group.
var requiredGroupLabels = []string{LabelZone, LabelBootVolumeType, LabelBootVolumeSize, LabelCAEnable}

// groupLabelDefaults are what a group shows of labels that were not sent
// (guide, the example of "Create a Node Group").
var groupLabelDefaults = map[string]string{
	LabelAutoscaler:               "nodegroupfeature",
	"ca_scale_down_enable":        "true",
	"ca_scale_down_unneeded_time": "10",
	"ca_scale_down_util_thresh":   "50",
}

// CheckGroupLabels applies every rule that looks at a node group's labels
// alone. The KindInvalid error names the label at fault. Labels of features
// that are not built pass: LabelsWanted finds those.
func CheckGroupLabels(labels map[string]string) error {
	for _, name := range sortedNames(labels) {
		if !groupLabels[name] && labelRules[name].support != echoOnly {
			return Invalid("labels."+name, "is a label of clusters, not of node groups; leave it out")
		}
	}
	for _, name := range requiredGroupLabels {
		value, sent := labels[name]
		if !sent {
			return Invalid("labels."+name, "is missing")
		}
		if value == "" && name != LabelZone { // an empty zone means any
			return Invalid("labels."+name, "must not be empty")
		}
	}
	return checkWorkerLabels(labels)
}

// FillGroupLabels adds what a group shows of labels that were not sent.
func FillGroupLabels(labels map[string]string) {
	for name, value := range groupLabelDefaults {
		if labels[name] == "" {
			labels[name] = value
		}
	}
}

// Autoscaled tells whether the group scales itself.
func (g NodeGroup) Autoscaled() bool { return IsTrue(g.Labels[LabelCAEnable]) }
