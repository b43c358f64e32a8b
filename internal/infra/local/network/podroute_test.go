package network

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
)

// A control-plane member reaches a pod through the pod's node, and the answer
// comes by the router, which has seen no question.
func TestControlPlaneReachesPods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := testSubnet("10.0.0.0/24", false)
	member, worker := w.node(s, true), w.node(s, false)

	pods := netip.MustParsePrefix("10.100.1.0/24")
	pod, podGateway := pods.Addr().Next().Next(), pods.Addr().Next()
	podPath := w.site.namespace(w.manager.names.machine("pod"))
	_, err := ensureNamespace(podPath)
	must(t, err)
	node, inPod := w.handle(worker.path), w.handle(podPath)
	must(t, node.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "cni0"}, PeerName: "eth0", PeerNamespace: netlink.NsFd(inPod.ns)}))
	w.address(node, "cni0", netip.PrefixFrom(podGateway, 24).String())
	w.address(inPod, "eth0", netip.PrefixFrom(pod, 24).String())
	must(t, ensureRoute(inPod, netlink.Route{Dst: ipNet(netip.MustParsePrefix("0.0.0.0/0")), Gw: podGateway.AsSlice()}))
	must(t, node.within(func() error { return apply([]setting{{path: hostForward, value: "1"}}) }))

	h := w.handle(member.path)
	eth0, err := h.LinkByName("eth0")
	must(t, err)
	must(t, ensureRoute(h, netlink.Route{
		Dst: ipNet(pods), Gw: net.IP(worker.port.Address.AsSlice()), LinkIndex: eth0.Attrs().Index, Flags: int(netlink.FLAG_ONLINK),
	}))
	w.serve(podPath, netip.AddrPortFrom(pod, 8443).String(), "webhook")
	if peer := w.reaches(member.path, netip.AddrPortFrom(pod, 8443).String(), "webhook"); peer != member.port.Address.String() {
		t.Errorf("the pod sees %s, want the member's address %s", peer, member.port.Address)
	}
	w.serve(worker.path, worker.at(10250), "kubelet")
	if peer := w.reaches(member.path, worker.at(10250), "kubelet"); peer != member.port.Address.String() {
		t.Errorf("the kubelet sees %s, want the member's address %s", peer, member.port.Address)
	}
}
