package hanok

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// LabelExtraVolumes holds the volumes of each node besides its boot volume.
const LabelExtraVolumes = "extra_volumes"

// Bounds of extra volumes (guide): how many a node has, and the size of each in GB.
const (
	extraVolumesMax    = 3
	extraVolumeSizeMin = 1
	extraVolumeSizeMax = 2048
)

// ExtraVolume is a volume that every node of a group has besides its boot volume.
type ExtraVolume struct {
	Type   string // name of a volume type
	SizeGB int
	// MountPath is where nodes see its file system; "" leaves it a blank
	// block device.
	MountPath string
	// Encrypted: a key was named for it.
	Encrypted bool
}

// ExtraVolumes gives the extra volumes of the group's nodes, in their order.
func (g NodeGroup) ExtraVolumes() []ExtraVolume {
	volumes, err := ReadExtraVolumes("", g.Labels[LabelExtraVolumes])
	if err != nil {
		return nil // it was admitted, so this cannot be
	}
	return volumes
}

// ReadExtraVolumes reads and checks the text of the label extra_volumes, a
// JSON array; "" is none. The KindInvalid error names the volume and the
// field at fault behind field.
func ReadExtraVolumes(field, text string) ([]ExtraVolume, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, Invalid(field, "must be an array of volumes")
	}
	if len(list) > extraVolumesMax {
		return nil, Invalid(field, "has %d volumes; at most %d are allowed", len(list), extraVolumesMax)
	}
	var volumes []ExtraVolume
	for i, raw := range list {
		v, err := readExtraVolume(fmt.Sprintf("%s[%d]", field, i), raw)
		if err != nil {
			return nil, err
		}
		if v.MountPath != "" && slices.ContainsFunc(volumes, func(o ExtraVolume) bool { return o.MountPath == v.MountPath }) {
			return nil, Invalid(fmt.Sprintf("%s[%d].volume_mount_path", field, i), "%s is the path of another volume too", v.MountPath)
		}
		volumes = append(volumes, v)
	}
	return volumes, nil
}

var extraVolumeFields = []string{"volume_type", "volume_size", "volume_key_id", "volume_appkey", "volume_mount_path"}

func readExtraVolume(field string, raw json.RawMessage) (v ExtraVolume, err error) {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil || object == nil {
		return v, Invalid(field, "must be an object")
	}
	for _, name := range sortedNames(object) {
		if !slices.Contains(extraVolumeFields, name) {
			return v, Invalid(field+"."+FieldName(name), "is not a known field")
		}
	}
	text := map[string]string{}
	for _, name := range extraVolumeFields {
		value := strings.TrimSpace(string(object[name]))
		if value == "" || value == "null" {
			continue
		}
		s := value
		if name == "volume_size" && value[0] != '"' { // an integer, or one in a string
			text[name] = s
			continue
		}
		if json.Unmarshal([]byte(value), &s) != nil {
			return v, Invalid(field+"."+name, "must be a string")
		}
		text[name] = s
	}
	if v.Type = text["volume_type"]; v.Type == "" {
		return v, Invalid(field+".volume_type", "is missing")
	}
	size, sent := text["volume_size"]
	if !sent {
		return v, Invalid(field+".volume_size", "is missing")
	}
	if v.SizeGB, err = readInt(size); err != nil {
		return v, Invalid(field+".volume_size", "%s must be an integer", Quote(size))
	}
	if v.SizeGB < extraVolumeSizeMin || v.SizeGB > extraVolumeSizeMax {
		return v, Invalid(field+".volume_size", "%d GB is out of bounds; it must be %d to %d", v.SizeGB, extraVolumeSizeMin, extraVolumeSizeMax)
	}
	v.MountPath = text["volume_mount_path"]
	v.Encrypted = text["volume_key_id"] != "" || text["volume_appkey"] != ""
	return v, checkMountPath(field+".volume_mount_path", v.MountPath)
}

const maxMountPath = 255

var mountPathRule = regexp.MustCompile(`^(/[A-Za-z0-9._-]+)+$`)

// systemPaths are what a node needs as it is: nothing may be mounted on them,
// below them, or above them.
var systemPaths = []string{
	"/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/opt/cni", "/opt/hanok", "/proc", "/root", "/run", "/sbin", "/sys",
	"/tmp", "/usr", "/var/lib/containerd", "/var/lib/dpkg", "/var/lib/etcd", "/var/lib/hanok", "/var/lib/kubelet", "/var/log", "/var/run",
}

// checkMountPath checks where a volume is to be mounted; "" is nowhere.
func checkMountPath(field, p string) error {
	switch {
	case p == "":
		return nil
	case len(p) > maxMountPath:
		return Invalid(field, "has %d characters; at most %d are allowed", len(p), maxMountPath)
	case !strings.HasPrefix(p, "/"):
		return Invalid(field, `%s must be an absolute path ("/data")`, Quote(p))
	case p == "/":
		return Invalid(field, "/ is the root of the node; choose a directory below it")
	case !mountPathRule.MatchString(p) || path.Clean(p) != p:
		return Invalid(field, "%s must consist of letters, digits, '.', '_' and '-' between single slashes, without \".\" and \"..\"", Quote(p))
	}
	for _, system := range systemPaths {
		if p == system || strings.HasPrefix(p, system+"/") || strings.HasPrefix(system, p+"/") {
			return Invalid(field, "%s would hide %s, which the node needs; choose another, such as /data", p, system)
		}
	}
	return nil
}
