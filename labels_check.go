package hanok

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// UserScriptMax is the largest user script in bytes (guide: 64 KB).
const UserScriptMax = 64 << 10

// Bounds of a boot volume in GB; an image may ask for more than the lower one.
const (
	BootVolumeMin = 1
	BootVolumeMax = 2048
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

// ReadLabels turns the labels of a request into their string form: strings as
// they are, numbers and booleans by their JSON text, arrays and objects as
// compact JSON. null counts as not sent. An unknown label, or a value of the
// wrong type, is a KindInvalid error that names it.
func ReadLabels(raw map[string]json.RawMessage) (map[string]string, error) {
	labels := make(map[string]string, len(raw))
	for _, name := range sortedNames(raw) {
		field := "labels." + cut(name)
		rule, known := labelRules[name]
		if !known {
			return nil, Invalid(field, "is not a known label")
		}
		value := bytes.TrimSpace(raw[name])
		if string(value) == "null" {
			continue
		}
		text, err := labelText(field, rule.form, value)
		if err != nil {
			return nil, err
		}
		labels[name] = text
	}
	return labels, nil
}

func labelText(field string, form labelForm, value []byte) (string, error) {
	switch value[0] {
	case '"':
		var s string
		if err := json.Unmarshal(value, &s); err != nil {
			return "", Invalid(field, "is not a valid string")
		}
		if strings.ContainsRune(s, 0) {
			return "", Invalid(field, "must not contain the character NUL")
		}
		return s, checkLabelForm(field, form, s)
	case '[', '{':
		if form != listForm && form != jsonForm {
			return "", Invalid(field, "must be a string, a number or a boolean, not %s", jsonKind(value))
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, value); err != nil {
			return "", Invalid(field, "is not valid JSON")
		}
		return compact.String(), checkLabelForm(field, form, compact.String())
	default:
		return string(value), checkLabelForm(field, form, string(value))
	}
}

// checkLabelForm checks a label's text against its form. An empty text counts
// as not sent where the label is not required; CheckLabels sees to those.
func checkLabelForm(field string, form labelForm, s string) error {
	if s == "" {
		return nil
	}
	switch form {
	case boolForm:
		if !strings.EqualFold(s, "true") && !strings.EqualFold(s, "false") {
			return Invalid(field, `%s must be "True" or "False"`, Quote(s))
		}
	case intForm:
		if _, err := readInt(s); err != nil {
			return Invalid(field, "%s must be an integer", Quote(s))
		}
	case listForm:
		var list []json.RawMessage
		if json.Unmarshal([]byte(s), &list) != nil || list == nil {
			return Invalid(field, "%s must be an array", Quote(s))
		}
	}
	return nil
}

var intRule = regexp.MustCompile(`^-?[0-9]{1,9}$`)

// readInt reads an integer of at most nine digits, without signs and spaces
// that Atoi or clients disagree about.
func readInt(s string) (int, error) {
	if !intRule.MatchString(s) {
		return 0, strconv.ErrSyntax
	}
	return strconv.Atoi(s)
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
	if v := labels[LabelAutoscaler]; v != "" && v != "nodegroupfeature" {
		return Invalid("labels."+LabelAutoscaler, `%s must be "nodegroupfeature"`, Quote(v))
	}
	if err := checkImageLabels(labels); err != nil {
		return err
	}
	if err := checkCNI(labels[LabelCNI]); err != nil {
		return err
	}
	if err := checkExternal(labels); err != nil {
		return err
	}
	for _, name := range []string{"user_script", "user_script_v2"} {
		if err := CheckUserScript("labels."+name, labels[name]); err != nil {
			return err
		}
	}
	return checkAutoscaler(labels)
}

func checkImageLabels(labels map[string]string) error {
	if v := labels[LabelImage]; !IsUUID(v) {
		return Invalid("labels."+LabelImage, "%s must be the UUID of an image", Quote(v))
	}
	if n, _ := readInt(labels[LabelBootVolumeSize]); n < BootVolumeMin || n > BootVolumeMax {
		return Invalid("labels."+LabelBootVolumeSize, "%d GB is out of bounds; it must be %d to %d", n, BootVolumeMin, BootVolumeMax)
	}
	return nil
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
		}
	}
	return names
}

// cut bounds a user's key for an error's field.
func cut(key string) string {
	const most = 64
	if len(key) > most {
		return strings.ToValidUTF8(key[:most], "") + "…"
	}
	return key
}

func jsonKind(value []byte) string {
	if len(value) > 0 && value[0] == '[' {
		return "an array"
	}
	return "an object"
}
