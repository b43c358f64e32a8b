package network

import (
	"net"
	"net/netip"
	"strconv"
	"testing"

	"github.com/hanok/hanok/internal/infra"
)

// The same on the real host, beside whatever runs there.
func TestThisHost(t *testing.T) {
	needRoot(t)
	w := &world{t: t, inst: testInstallation(), site: thisHost, state: t.TempDir(), resolv: "/etc/resolv.conf"}
	before, err := readSetting(hostForward)
	must(t, err)
	t.Cleanup(func() { must(t, Remove(w.inst)) })
	w.open()
	s := testSubnet("10.0.0.0/24", true)
	worker, member := w.node(s, false), w.node(s, true)
	w.serve(member.path, member.at(6443), "member")
	e := w.endpoint(s, true, member)
	w.reaches("", e.Address.String(), "member")
	agents := net.JoinHostPort(w.manager.ServiceAddress().String(), strconv.Itoa(agentPort))
	w.serve("", agents, "agents")
	w.reaches(worker.path, agents, "agents")
	w.reaches(member.path, agents, "agents")
	hidden := w.endpoint(infra.Subnet{ID: "private", NetworkID: s.NetworkID, CIDR: netip.MustParsePrefix("10.0.1.0/24")}, false, member)
	w.refused("", hidden.Address.String())
	if name, err := w.dialEndpoint(hidden); err != nil || name != "member" {
		t.Errorf("dial: %q, %v", name, err)
	}

	must(t, w.manager.Destroy(t.Context()))
	if left, err := Found(w.inst); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	others, err := Found("")
	must(t, err)
	if now, err := readSetting(hostForward); len(others) == 0 && (err != nil || now != before) {
		t.Errorf("ip_forward is %s, was %s (%v)", now, before, err)
	}
}
