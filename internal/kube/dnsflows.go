package kube

import (
	"fmt"

	"github.com/hanok/hanok/internal/machine"
)

// A node's kernel remembers for 30 seconds which replica of CoreDNS answered a
// port of a pod, and sends that port's next query there as well. kube-proxy is
// to make it forget a replica that goes, and v1.30 does not where the replica
// was seen unready first, as it mostly is: queries go to nobody, and a
// resolver that asks again from the same port asks nobody again. So it
// remembers for less time than a leaving replica goes on answering (lameduck
// in addons/coredns.yaml), and than resolvers wait before they ask again (5 s).
const dnsFlowSeconds = 3

// dnsFlowsPath is the rules' file in a worker.
const dnsFlowsPath = kubeDir + "/dns-flows.nft"

// dnsFlows gives the rules that a worker takes queries to the cluster's DNS by.
func dnsFlows(f Facts) machine.File {
	return machine.File{Path: dnsFlowsPath, Mode: 0o644, Content: fmt.Appendf(nil, `table ip hanok-dns
delete table ip hanok-dns
table ip hanok-dns {
	ct timeout brief {
		protocol udp
		l3proto ip
		policy = { unreplied : %[2]d, replied : %[2]d }
	}
	chain of-pods {
		type filter hook prerouting priority mangle
		ip daddr %[1]s udp dport 53 ct timeout set "brief"
	}
	chain of-the-node {
		type filter hook output priority mangle
		ip daddr %[1]s udp dport 53 ct timeout set "brief"
	}
}
`, f.dnsAddress(), dnsFlowSeconds)}
}

// withDNSFlows sets the rules before a program begins. A kernel without them
// is no reason not to begin.
func withDNSFlows(argv []string) []string {
	return append([]string{"/bin/sh", "-c", "nft -f " + dnsFlowsPath + `; exec "$@"`, "sh"}, argv...)
}
