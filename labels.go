package hanok

import (
	"encoding/json"
	"net/netip"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Labels that hanok reads.
const (
	LabelZone            = "availability_zone"
	LabelImage           = "node_image"
	LabelBootVolumeType  = "boot_volume_type"
	LabelBootVolumeSize  = "boot_volume_size"
	LabelExternalNetwork = "external_network_id"
	LabelExternalSubnets = "external_subnet_id_list"
	LabelCertManager     = "cert_manager_api"
	LabelKubeTag         = "kube_tag"
	LabelPublicEndpoint  = "master_lb_floating_ip_enabled"
	LabelServiceCIDR     = "service_cluster_ip_range"
	LabelPodCIDR         = "pods_network_cidr"
	LabelPodSubnetSize   = "pods_network_subnet"
	LabelCNI             = "cni_driver"
	LabelAutoscaler      = "clusterautoscale"
	LabelCAEnable        = "ca_enable"
	LabelCAMin           = "ca_min_node_count"
	LabelCAMax           = "ca_max_node_count"
	LabelUserScript      = "user_script"    // older form; never changes
	LabelUserScriptV2    = "user_script_v2" // runs after the older one
)

// What an unsent label means.
const (
	defaultServiceCIDR   = "10.254.0.0/16"
	defaultPodCIDR       = "10.100.0.0/16"
	defaultPodSubnetSize = 24
	DefaultMinNodeCount  = 1
	DefaultMaxNodeCount  = 10
	// CNIFlannel is the CNI that runs where no other was asked for.
	CNIFlannel = "flannel"
)

// labelForm is what a label's value looks like in a request.
type labelForm int

const (
	textForm labelForm = iota // string; a number or a boolean is taken by its JSON text
	boolForm                  // textForm that reads true or false in any case
	intForm                   // textForm that reads as an integer
	listForm                  // array, or its JSON text in a string
	jsonForm                  // object or array, or its JSON text in a string
)

// labelSupport is what hanok does with a label.
type labelSupport int

const (
	built    labelSupport = iota
	offOnly               // the feature is not built: its off-value is fine, the rest is 501
	echoOnly              // a fact of responses that clients send back: kept and shown, it asks for nothing
)

// labelRule describes one label of the guides.
type labelRule struct {
	form     labelForm
	support  labelSupport
	required bool
}

// labelRules is every label that the guides name, for clusters and their
// default worker group. A label that is not here is refused by name.
var labelRules = map[string]labelRule{
	LabelZone:            {required: true},
	LabelImage:           {required: true},
	LabelBootVolumeType:  {required: true},
	LabelBootVolumeSize:  {required: true, form: intForm},
	LabelExternalNetwork: {},
	LabelExternalSubnets: {},
	LabelCertManager:     {required: true, form: boolForm},
	LabelKubeTag:         {required: true},
	LabelPublicEndpoint:  {required: true, form: boolForm},
	LabelServiceCIDR:     {},
	LabelPodCIDR:         {},
	LabelPodSubnetSize:   {form: intForm},
	LabelCNI:             {},
	LabelAutoscaler:      {},

	LabelCAEnable:                   {required: true, form: boolForm, support: offOnly},
	LabelCAMin:                      {form: intForm},
	LabelCAMax:                      {form: intForm},
	"ca_scale_down_enable":          {form: boolForm},
	"ca_scale_down_unneeded_time":   {form: intForm},
	"ca_scale_down_util_thresh":     {form: intForm},
	"ca_scale_down_delay_after_add": {form: intForm},
	"ca_pod_replicas":               {form: intForm},

	LabelUserScript:   {},
	LabelUserScriptV2: {},
	LabelExtraVolumes: {form: listForm},

	"strict_sg_rules":            {form: boolForm, support: offOnly},
	"additional_network_id_list": {support: offOnly},
	"additional_subnet_id_list":  {support: offOnly},
	"extra_security_groups":      {form: listForm, support: offOnly},
	"boot_volume_key_id":         {support: offOnly},
	"boot_volume_appkey":         {support: offOnly},
	"ncr_sgw":                    {support: offOnly},
	"obs_sgw":                    {support: offOnly},
	"mba_scale_out":              {form: jsonForm, support: offOnly},
	"mba_scale_in":               {form: jsonForm, support: offOnly},
	"fip_auto_bind_enable":       {form: boolForm, support: offOnly},
	"fip_bind_subnet":            {support: offOnly},
	"fip_selector":               {form: jsonForm, support: offOnly},
	"k8s_node_labels":            {form: jsonForm, support: offOnly},
	"control_plane_log":          {form: jsonForm, support: offOnly},
	"skm":                        {form: jsonForm, support: offOnly},

	"ca_image":            {support: echoOnly},
	"certificate_expiry":  {support: echoOnly},
	"etcd_volume_size":    {support: echoOnly},
	"flavor_type":         {support: echoOnly},
	"hypervisor_type":     {support: echoOnly},
	"kube_version_status": {support: echoOnly},
	"login_username":      {support: echoOnly},
	"os_arch":             {support: echoOnly},
	"os_distro":           {support: echoOnly},
	"os_type":             {support: echoOnly},
	"os_version":          {support: echoOnly},
	"platform_version":    {support: echoOnly},
	"project_domain":      {support: echoOnly},
	"server_group_meta":   {support: echoOnly},
	"term_of_validity":    {support: echoOnly},
}

// LabelsNotBuilt gives the names of the labels whose feature is not built
// yet, sorted: anything but their off-value is KindNotImplemented.
func LabelsNotBuilt() []string {
	var names []string
	for name, rule := range labelRules {
		if rule.support == offOnly {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// ServiceCIDR is the range that ClusterIPs come from.
func (c Cluster) ServiceCIDR() netip.Prefix {
	return prefixLabel(c.Labels, LabelServiceCIDR, defaultServiceCIDR)
}

// PodCIDR is the range that the nodes' pod subnets come from.
func (c Cluster) PodCIDR() netip.Prefix { return prefixLabel(c.Labels, LabelPodCIDR, defaultPodCIDR) }

// PodSubnetSize is the prefix length of each node's pod subnet.
func (c Cluster) PodSubnetSize() int {
	return intLabel(c.Labels, LabelPodSubnetSize, defaultPodSubnetSize)
}

// PublicEndpoint tells whether the API endpoint is reachable from outside the VPC.
func (c Cluster) PublicEndpoint() bool { return IsTrue(c.Labels[LabelPublicEndpoint]) }

// CNI is the network add-on that runs.
func (c Cluster) CNI() string {
	if v := c.Labels[LabelCNI]; v != "" {
		return v
	}
	return CNIFlannel
}

// BootVolume gives the type and the size in GB of the nodes' boot volumes.
func (g NodeGroup) BootVolume() (volumeType string, sizeGB int) {
	return g.Labels[LabelBootVolumeType], intLabel(g.Labels, LabelBootVolumeSize, 0)
}

// Zone is the availability zone of the nodes, "" for any.
func (g NodeGroup) Zone() string { return g.Labels[LabelZone] }

// IsTrue reads a boolean label that was admitted: "True", "true", "TRUE".
func IsTrue(v string) bool { return strings.EqualFold(v, "true") }

func prefixLabel(labels map[string]string, name, unsent string) netip.Prefix {
	if p, err := netip.ParsePrefix(labels[name]); err == nil {
		return p
	}
	return netip.MustParsePrefix(unsent)
}

func intLabel(labels map[string]string, name string, unsent int) int {
	if n, err := strconv.Atoi(labels[name]); err == nil {
		return n
	}
	return unsent
}

// ShownLabels are a cluster's labels as responses show them: what was sent,
// verbatim, and of the labels that the guide lists in responses those that an
// unsent one has a value for.
func (c Cluster) ShownLabels() map[string]string {
	shown := map[string]string{
		LabelCNI:           c.CNI(),
		LabelServiceCIDR:   c.ServiceCIDR().String(),
		LabelPodCIDR:       c.PodCIDR().String(),
		LabelPodSubnetSize: strconv.Itoa(c.PodSubnetSize()),
	}
	for name, value := range c.Labels {
		shown[name] = value
	}
	return shown
}

// isOff tells whether a value leaves a feature switched off: nothing, false,
// an empty list or object, or an object whose "enable" is false.
func isOff(value string) bool {
	value = strings.TrimSpace(value)
	if value == "" || strings.EqualFold(value, "false") || value == "null" {
		return true
	}
	var list []any
	if json.Unmarshal([]byte(value), &list) == nil {
		return len(list) == 0
	}
	var object map[string]any
	if json.Unmarshal([]byte(value), &object) == nil {
		switch enable := object["enable"].(type) {
		case bool:
			return !enable
		case string:
			return strings.EqualFold(enable, "false")
		}
		return len(object) == 0
	}
	return false
}

// sortedNames gives the names of labels in a stable order, so that the same
// request always gets the same error.
func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
