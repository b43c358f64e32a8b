package hanok

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var versionRule = regexp.MustCompile(`^v(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})$`)

// CompareVersions is negative where a is an older Kubernetes version than b,
// positive where it is newer. What is not written as v1.30.3 is older than all
// that is.
func CompareVersions(a, b string) int { return slices.Compare(versionNumbers(a), versionNumbers(b)) }

// versionNumbers gives the parts of a version, nil for what is none.
func versionNumbers(s string) (parts []int) {
	for i, text := range versionRule.FindStringSubmatch(s) {
		if i > 0 {
			n, _ := strconv.Atoi(text) // the rule lets only small numbers through
			parts = append(parts, n)
		}
	}
	return parts
}

// knownVersions are the releases that the API has ever named, oldest first;
// the offered ones are those that a bundle can be built for.
var (
	knownVersions = []string{
		"v1.17.6", "v1.18.19", "v1.19.13", "v1.20.12", "v1.21.6", "v1.22.3", "v1.23.3", "v1.24.3", "v1.25.4",
		"v1.26.3", "v1.27.3", "v1.28.3", "v1.29.3", "v1.30.3", "v1.31.4", "v1.32.3", "v1.33.4",
	}
	offeredVersions = []string{"v1.27.3", "v1.28.3", "v1.29.3", "v1.30.3"}
)

// creatableVersions gives the offered releases among those with a bundle,
// oldest first.
func creatableVersions(bundles []string) []string {
	return slices.DeleteFunc(slices.Clone(offeredVersions), func(v string) bool { return !slices.Contains(bundles, v) })
}

// CheckCreatable tells why a cluster of a release cannot be created, or nil.
func CheckCreatable(field, version string, bundles []string) error {
	creatable := creatableVersions(bundles)
	can := "none can be created here: no bundle is built"
	if len(creatable) > 0 {
		can = "creatable: " + strings.Join(creatable, ", ")
	}
	switch {
	case slices.Contains(creatable, version):
		return nil
	case slices.Contains(offeredVersions, version):
		return Invalid(field, "%s is offered, but its bundle is not on this host; have the operator run `hanok bundle build %s` (%s)", version, version, can)
	case slices.Contains(knownVersions, version):
		return Invalid(field, "%s can not be created (%s)", version, can)
	default:
		return Invalid(field, "%s is not a known Kubernetes version (%s)", Quote(version), can)
	}
}

// SupportedVersions is the supported_k8s document: every known release, and
// whether it can be created.
func SupportedVersions(bundles []string) map[string]bool {
	creatable := creatableVersions(bundles)
	m := make(map[string]bool, len(knownVersions))
	for _, v := range knownVersions {
		m[v] = slices.Contains(creatable, v)
	}
	return m
}

// SupportedEvents is the supported_event_type document: the operations that
// this service has, and what they are.
func SupportedEvents() map[string]map[EventType]string {
	return map[string]map[EventType]string{
		"cluster_events": {
			ClusterCreate: "Create a cluster",
			ClusterDelete: "Delete a cluster",
		},
		"nodegroup_events": {
			NodeGroupCreate: "Node group creation",
			NodeGroupDelete: "Delete a node group",
			ClusterResize:   "Resize the cluster",
			NodesStart:      "Start worker node",
			NodesStop:       "Stop worker node",

			NodeGroupFlavor:     "Change node group flavor",
			NodeGroupUserScript: "Change user script",
		},
	}
}
