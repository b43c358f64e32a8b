package network

import (
	"fmt"
	"net"
	"regexp"
	"strings"

	"github.com/hanok/hanok"
)

// Every name on the host starts with the installation's id, so that what a
// killed process leaves can be found without its state directory.
const (
	interfacePrefix = "hk"
	namespacePrefix = "hk-"
	tablePrefix     = "hanok-"
)

// Names inside a router's namespace, where nobody else makes any.
const (
	uplinkName = "up0"
	loName     = "lo"
)

var (
	installationRE = regexp.MustCompile(`^[0-9a-f]{6}$`)
	// A host interface of ours: a router's link (v and the VPC's number) or the service's.
	interfaceRE = regexp.MustCompile(`^hk([0-9a-f]{6})(v[0-9a-f]{1,6}|svc)$`)
	namespaceRE = regexp.MustCompile(`^hk-([0-9a-f]{6})-.+$`)
	tableRE     = regexp.MustCompile(`^hanok-([0-9a-f]{6})$`)
	// Ids become file names of namespaces.
	idRE = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
)

// names gives the names of one installation's things.
type names struct{ inst string }

func (n names) table() string          { return tablePrefix + n.inst }
func (n names) service() string        { return interfacePrefix + n.inst + "svc" }
func (n names) linkPrefix() string     { return interfacePrefix + n.inst + "v" }
func (n names) link(vpc int) string    { return fmt.Sprintf("%s%x", n.linkPrefix(), vpc) }
func (n names) router(v string) string { return namespacePrefix + n.inst + "-vpc-" + v }
func (n names) machine(m string) string {
	return namespacePrefix + n.inst + "-m-" + m
}

// linkMAC is fixed, because udev gives other addresses to interfaces that did
// not ask for theirs, and because both ends know each other without ARP.
func (n names) linkMAC(side byte, vpc int) net.HardwareAddr {
	var b [3]byte
	fmt.Sscanf(n.inst, "%02x%02x%02x", &b[0], &b[1], &b[2])
	return net.HardwareAddr{side, b[0], b[1], b[2], byte(vpc >> 8), byte(vpc)}
}

// The two ends of a router's link; both are locally administered addresses.
const (
	hostSide   = 0x0a
	routerSide = 0x0e
)

// metric is the priority of the installation's unreachable route: a route
// without an interface carries its owner's name there.
func (n names) metric() int {
	var v int
	fmt.Sscanf(n.inst, "%x", &v)
	return v
}

func bridgeName(index int) string { return fmt.Sprintf("br%d", index) }

// bridgeMAC is fixed, so that machines keep a valid neighbour entry when the
// first or last member of the bridge changes.
func bridgeMAC(index int) net.HardwareAddr {
	return net.HardwareAddr{0x0a, 0xb0, 0, 0, byte(index >> 8), byte(index)}
}

// portLinkName is the router's end of a port: 44 bits of its UUID.
func portLinkName(portID string) string {
	return "p" + strings.ReplaceAll(portID, "-", "")[:11]
}

func machineInterface(index int) string { return fmt.Sprintf("eth%d", index) }

func checkID(what, id string) error {
	if !idRE.MatchString(id) {
		return hanok.Errorf(hanok.KindInvalid, "%s %q cannot name a network namespace: use letters, digits, '.', '_' and '-'", what, id)
	}
	return nil
}
