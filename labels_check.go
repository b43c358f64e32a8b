package hanok

import (
	"slices"
	"strings"
)

// UserScriptMax is the largest user script in bytes (guide: 64 KB).
const UserScriptMax = 64 << 10

// Bounds of a boot volume in GB; an image may ask for more than the lower one.
const (
	bootVolumeMin = 1
	bootVolumeMax = 2048
)

// autoscalerBounds are the ranges of the autoscaler's labels (guide and user
// guide; they count only when ca_enable is true).
var autoscalerBounds = map[string][2]int{
	LabelCAMin:                      {1, 10},
	LabelCAMax:                      {1, 10},
	"ca_scale_down_unneeded_time":   {1, 1440},
	"ca_scale_down_util_thresh":     {1, 100},
	"ca_scale_down_delay_after_add": {10, 1440},
	"ca_pod_replicas":               {1, 10},
}

// CheckLabels applies every rule that looks at a cluster's labels alone. The
// KindInvalid error names the label at fault. Labels of features that are not
// built pass: LabelsWanted finds those.
func CheckLabels(labels map[string]string) error {
	for _, name := range sortedNames(labelRules) {
		if !labelRules[name].required {
			continue
		}
		value, sent := labels[name]
		if !sent {
			return Invalid("labels."+name, "is missing")
		}
		if value == "" && name != LabelZone { // an empty zone means any
			return Invalid("labels."+name, "must not be empty")
		}
	}
	if !IsTrue(labels[LabelCertManager]) {
		return Invalid("labels."+LabelCertManager, `must be "True"`)
	}
	if v := labels[LabelImage]; !IsUUID(v) {
		return Invalid("labels."+LabelImage, "%s must be the UUID of an image", Quote(v))
	}
	if err := checkCNI(labels[LabelCNI]); err != nil {
		return err
	}
	if err := checkExternal(labels); err != nil {
		return err
	}
	return checkWorkerLabels(labels)
}

// checkWorkerLabels checks what a cluster's labels say of its first group,
// and a group's labels of itself.
func checkWorkerLabels(labels map[string]string) error {
	if v := labels[LabelAutoscaler]; v != "" && v != "nodegroupfeature" {
		return Invalid("labels."+LabelAutoscaler, `%s must be "nodegroupfeature"`, Quote(v))
	}
	if n, _ := readInt(labels[LabelBootVolumeSize]); n < bootVolumeMin || n > bootVolumeMax {
		return Invalid("labels."+LabelBootVolumeSize, "%d GB is out of bounds; it must be %d to %d", n, bootVolumeMin, bootVolumeMax)
	}
	for _, name := range []string{LabelUserScript, LabelUserScriptV2} {
		if err := CheckUserScript("labels."+name, labels[name]); err != nil {
			return err
		}
	}
	if _, err := ReadExtraVolumes("labels."+LabelExtraVolumes, labels[LabelExtraVolumes]); err != nil {
		return err
	}
	return checkAutoscaler(labels)
}

func checkCNI(cni string) error {
	switch cni {
	case "", CNIFlannel, "calico-ebpf": // the last is not built yet, which LabelsWanted says
		return nil
	case "calico":
		return Invalid("labels."+LabelCNI, "no images of Calico are here to run it from; leave cni_driver out or set it to %q", CNIFlannel)
	default:
		return Invalid("labels."+LabelCNI, "%s is not a known CNI; leave cni_driver out or set it to %q", Quote(cni), CNIFlannel)
	}
}

// checkExternal checks the pair of labels for the internet gateway's side.
func checkExternal(labels map[string]string) error {
	network, subnets := labels[LabelExternalNetwork], labels[LabelExternalSubnets]
	switch {
	case network == "" && subnets != "":
		return Invalid("labels."+LabelExternalNetwork, "is missing; %s needs it", LabelExternalSubnets)
	case network != "" && subnets == "":
		return Invalid("labels."+LabelExternalSubnets, "is missing; %s needs it", LabelExternalNetwork)
	case network == "" && IsTrue(labels[LabelPublicEndpoint]):
		return Invalid("labels."+LabelExternalNetwork, `is missing; %s "True" needs it and %s`, LabelPublicEndpoint, LabelExternalSubnets)
	}
	return nil
}

// CheckUserScript checks a user script; "" is none.
func CheckUserScript(field, script string) error {
	switch {
	case script == "":
		return nil
	case len(script) > UserScriptMax:
		return Invalid(field, "has %d bytes; at most %d are allowed", len(script), UserScriptMax)
	case strings.ContainsRune(script, 0):
		return Invalid(field, "must not contain the character NUL")
	case !strings.HasPrefix(script, "#!"):
		return Invalid(field, `its first line must begin with "#!"`)
	}
	return nil
}

// checkAutoscaler checks the ranges of the autoscaler's labels; they mean
// nothing while it is off.
func checkAutoscaler(labels map[string]string) error {
	if !IsTrue(labels[LabelCAEnable]) {
		return nil
	}
	for _, name := range sortedNames(autoscalerBounds) {
		bounds := autoscalerBounds[name]
		if v := labels[name]; v != "" {
			if n, _ := readInt(v); n < bounds[0] || n > bounds[1] {
				return Invalid("labels."+name, "%d is out of bounds; it must be %d to %d", n, bounds[0], bounds[1])
			}
		}
	}
	least, most := intLabel(labels, LabelCAMin, DefaultMinNodeCount), intLabel(labels, LabelCAMax, DefaultMaxNodeCount)
	if least > most {
		return Invalid("labels."+LabelCAMin, "%d must not be greater than %s %d", least, LabelCAMax, most)
	}
	return nil
}

// LabelsWanted gives the sent labels, sorted, that switch on a feature that
// is not built yet.
func LabelsWanted(labels map[string]string) []string {
	var names []string
	for _, name := range sortedNames(labels) {
		switch {
		case labelRules[name].support == offOnly && !isOff(labels[name]):
			names = append(names, name)
		case name == LabelCNI && labels[name] == "calico-ebpf":
			names = append(names, name)
		case name == LabelExtraVolumes && encryptsExtraVolumes(labels[name]):
			names = append(names, name+"[].volume_key_id")
		}
	}
	return names
}

func encryptsExtraVolumes(text string) bool {
	volumes, _ := ReadExtraVolumes("", text)
	return slices.ContainsFunc(volumes, func(v ExtraVolume) bool { return v.Encrypted })
}
