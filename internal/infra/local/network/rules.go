package network

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// serviceRange is the range that the guide reserves for the service's own use.
var serviceRange = netip.MustParsePrefix("198.18.0.0/19")

var linkLocal = netip.MustParsePrefix("169.254.0.0/16")

// hostRules renders the host's table.
//
//   - From a router's link the host itself gives nothing but the agent
//     listener, DNS (sent on to its own nameserver), and ICMP.
//   - Routers reach the world behind the host's address. They reach each
//     other, and are reached from outside, at public endpoints only.
//   - The service's address is nobody else's.
//   - Link-local addresses are the host's: a cloud answers there with the
//     host's credentials.
//
// Traffic of other interfaces is left to the host's own firewall.
func hostRules(n names, r records, service, nameserver netip.Addr, agentPort int) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "\t"+format+"\n", args...) }
	link := `"` + n.linkPrefix() + `*"`

	line("set public {")
	line("\ttype ipv4_addr . inet_service")
	if public := publicEndpoints(r); len(public) > 0 {
		line("\telements = { %s }", join(public, func(a netip.AddrPort) string {
			return fmt.Sprintf("%s . %d", a.Addr(), a.Port())
		}))
	}
	line("}")

	line("chain dstnat {")
	line("\ttype nat hook prerouting priority dstnat; policy accept;")
	if nameserver.IsValid() {
		for _, proto := range []string{"udp", "tcp"} {
			line("\tiifname %s ip daddr %s %s dport 53 dnat ip to %s:53", link, service, proto, nameserver)
		}
	}
	line("}")

	line("chain srcnat {")
	line("\ttype nat hook postrouting priority srcnat; policy accept;")
	line("\tip saddr %s oifname != { \"lo\", %s } oifname != %s masquerade", r.Block, quoted(n.service()), link)
	line("}")

	line("chain input {")
	line("\ttype filter hook input priority filter - 10; policy accept;")
	line("\tiifname != %s iifname != { \"lo\", %s } ip daddr %s drop", link, quoted(n.service()), service)
	line("\tiifname != %s accept", link)
	line("\tct state established,related accept")
	line("\tip daddr %s tcp dport %d accept", service, agentPort)
	line("\tct status dnat accept") // DNS is all that is translated here
	line("\tip daddr %s ip protocol icmp accept", service)
	line("\tip protocol tcp reject with tcp reset")
	line("\treject with icmpx port-unreachable")
	line("}")

	line("chain forward {")
	line("\ttype filter hook forward priority filter - 10; policy accept;")
	line("\tiifname != %[1]s oifname != %[1]s accept", link)
	line("\tct state established,related accept")
	line("\tip daddr . tcp dport @public accept")
	line("\tiifname != %s drop", link)
	line("\toifname %s reject with icmpx admin-prohibited", link)
	line("\tct status dnat accept")
	line("\tip daddr { %s, %s } reject with icmpx admin-prohibited", serviceRange, linkLocal)
	line("}")
	return b.String()
}

// routerRules renders the table inside a VPC's router.
//
//   - Within the VPC everything is let through, also packets without a
//     connection: a pod's answer to the control plane comes this way although
//     the question did not.
//   - Endpoints lead to their members; private ones not from outside.
//   - To the outside, behind the router's address: everything from subnets with
//     an internet gateway, else the agent listener alone.
func routerRules(vpc string, r records, service netip.Addr, agentPort int) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "\t"+format+"\n", args...) }
	endpoints := endpointsOf(r, vpc)

	line("chain dstnat {")
	line("\ttype nat hook prerouting priority dstnat; policy accept;")
	for _, e := range endpoints {
		from := ""
		if !e.Public {
			from = fmt.Sprintf("iifname != %q ", uplinkName)
		}
		line("\t%s%s", from, translate(e))
	}
	line("}")

	line("chain output {") // the service dials from inside the router
	line("\ttype nat hook output priority -100; policy accept;")
	for _, e := range endpoints {
		line("\t%s", translate(e))
	}
	line("}")

	line("chain srcnat {")
	line("\ttype nat hook postrouting priority srcnat; policy accept;")
	line("\toifname %q masquerade", uplinkName)
	// A member that asks its own endpoint must not get its own packet back.
	line("\tip saddr %s ct status dnat masquerade", r.Block)
	line("}")

	line("chain input {")
	line("\ttype filter hook input priority filter; policy drop;")
	line("\tiifname %q accept", loName)
	line("\tct state established,related accept")
	line("\tip protocol icmp accept")
	line("\tmeta l4proto tcp reject with tcp reset") // an endpoint without members
	line("\treject with icmpx port-unreachable")
	line("}")

	line("chain forward {")
	line("\ttype filter hook forward priority filter; policy drop;")
	line("\tct state established,related accept")
	line("\tiifname != %[1]q oifname != %[1]q accept", uplinkName)
	line("\tiifname %q ct status dnat accept", uplinkName)
	line("\toifname %q ip daddr %s tcp dport %d accept", uplinkName, service, agentPort)
	if open := openBridges(r, vpc); len(open) > 0 {
		line("\toifname %q iifname { %s } accept", uplinkName, join(open, quoted))
	}
	line("\treject with icmpx admin-prohibited")
	line("}")
	return b.String()
}

// translate leads an endpoint's new connections to its members, by lot.
func translate(e endpointRecord) string {
	match := fmt.Sprintf("ip daddr %s tcp dport %d", e.Address.Addr(), e.Address.Port())
	if len(e.Members) == 1 {
		return fmt.Sprintf("%s dnat ip to %s", match, e.Members[0])
	}
	lots := make([]string, len(e.Members))
	for i, m := range e.Members {
		lots[i] = fmt.Sprintf("%d : %s . %d", i, m.Addr(), m.Port())
	}
	return fmt.Sprintf("%s dnat ip to numgen random mod %d map { %s }", match, len(lots), strings.Join(lots, ", "))
}

// endpointsOf lists the VPC's endpoints that have members, in stable order.
func endpointsOf(r records, vpc string) []endpointRecord {
	var list []endpointRecord
	for _, e := range r.Endpoints {
		if e.VPC == vpc && len(e.Members) > 0 && !e.Deleted {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b endpointRecord) int { return a.Address.Compare(b.Address) })
	return list
}

func publicEndpoints(r records) []netip.AddrPort {
	var list []netip.AddrPort
	for _, e := range r.Endpoints {
		if e.Public && !e.Deleted {
			list = append(list, e.Address)
		}
	}
	slices.SortFunc(list, netip.AddrPort.Compare)
	return list
}

// openBridges lists the bridges of the VPC's subnets with an internet gateway.
func openBridges(r records, vpc string) []string {
	var list []string
	for _, s := range subnetsInUse(r, vpc) {
		if s.InternetGateway {
			list = append(list, bridgeName(s.Bridge))
		}
	}
	return list
}

func quoted(s string) string { return `"` + s + `"` }

func join[T any](list []T, text func(T) string) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = text(v)
	}
	return strings.Join(parts, ", ")
}
