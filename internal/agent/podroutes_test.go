package agent

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/hanok/hanok/internal/machine"
)

// TestPodRoutes runs itself again in a network namespace of its own, which
// goes away with the process.
func TestPodRoutes(t *testing.T) {
	if os.Getenv("HANOK_TEST_NETNS") == "" {
		if os.Getuid() != 0 {
			t.Skip("needs root for a network namespace")
		}
		t.Parallel()
		cmd := exec.Command(os.Args[0], "-test.run=^TestPodRoutes$", "-test.v")
		cmd.Env = append(os.Environ(), "HANOK_TEST_NETNS=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	makeLinks(t)
	api := &testAPIServer{nodes: make(map[string]string), version: 7}
	api.nodes["a"] = testNode("a", "10.100.0.0/24", "192.0.2.10")
	api.nodes["b"] = testNode("b", "10.100.1.0/24", "192.0.2.11")
	server := httptest.NewTLSServer(api)
	defer server.Close()
	defer api.hangUp()

	s := newTestService(t)
	m := newTestMachine(t, s)
	m.write(t, "/ca.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	addRoute(t, "10.100.9.0/24", "192.0.2.99", routeProtocol) // left by an earlier boot
	addRoute(t, "10.200.0.0/24", "192.0.2.98", unix.RTPROT_BOOT)
	foreign := "10.200.0.0/24 via 192.0.2.98"

	m.bootUp(t)
	s.awaitReady(t, s.set(machine.State{PodRoutes: &machine.PodRoutes{
		Server: server.URL, CAPath: "/ca.crt", CertPath: certFile, KeyPath: keyFile,
		Interface: "eth0", PodCIDR: "10.100.0.0/16",
	}}))
	awaitRoutes(t, "10.100.0.0/24 via 192.0.2.10", "10.100.1.0/24 via 192.0.2.11", foreign)

	eventually(t, api.watching, func() string { return "a watch" })
	api.set("c", testNode("c", "10.100.2.0/24", "192.0.2.12"))
	api.set("a", testNode("a", "10.100.0.0/24", "192.0.2.20")) // moved
	api.remove("b")
	awaitRoutes(t, "10.100.0.0/24 via 192.0.2.20", "10.100.2.0/24 via 192.0.2.12", foreign)

	// What a tenant could write to lead the control plane astray.
	api.set("evil", testNode("evil", "0.0.0.0/0", "192.0.2.66"))
	api.set("evil2", testNode("evil2", "198.18.0.0/24", "192.0.2.66"))
	api.set("evil3", testNode("evil3", "10.0.0.0/8", "192.0.2.66"))
	api.set("d", testNode("d", "10.100.3.0/24", "192.0.2.13"))
	awaitRoutes(t, "10.100.0.0/24 via 192.0.2.20", "10.100.2.0/24 via 192.0.2.12", "10.100.3.0/24 via 192.0.2.13", foreign)

	// Changes of a time without a watch are found by the next list.
	api.mu.Lock()
	delete(api.nodes, "c")
	api.version++
	api.mu.Unlock()
	api.hangUp()
	awaitRoutes(t, "10.100.0.0/24 via 192.0.2.20", "10.100.3.0/24 via 192.0.2.13", foreign)
}

func makeLinks(t *testing.T) {
	t.Helper()
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		t.Fatal(err)
	}
	eth0 := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "peer"}
	if err := netlink.LinkAdd(eth0); err != nil {
		t.Fatal(err)
	}
	addr, _ := netlink.ParseAddr("198.18.4.7/32") // no subnet in common with the nodes: onlink is needed
	if err := netlink.AddrAdd(eth0, addr); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"eth0", "peer"} {
		l, err := netlink.LinkByName(name)
		if err == nil {
			err = netlink.LinkSetUp(l)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func addRoute(t *testing.T, pods, via string, protocol netlink.RouteProtocol) {
	t.Helper()
	l, err := netlink.LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	dst, _ := netlink.ParseIPNet(pods)
	err = netlink.RouteAdd(&netlink.Route{
		LinkIndex: l.Attrs().Index, Dst: dst, Gw: netip.MustParseAddr(via).AsSlice(),
		Flags: int(netlink.FLAG_ONLINK), Protocol: protocol,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func awaitRoutes(t *testing.T, want ...string) {
	t.Helper()
	slices.Sort(want)
	var have []string
	eventually(t, func() bool {
		routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
		if err != nil {
			t.Fatal(err)
		}
		have = nil
		for _, r := range routes {
			if r.Gw != nil {
				have = append(have, fmt.Sprintf("%s via %s", r.Dst, r.Gw))
			}
		}
		slices.Sort(have)
		return slices.Equal(have, want)
	}, func() string { return fmt.Sprintf("routes\n%q\nhave\n%q", want, have) })
}

func TestRouteOf(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, within, object, want string
	}{
		{"plain", "10.100.0.0/16", testNode("a", "10.100.3.0/24", "192.0.2.1"), "10.100.3.0/24 via 192.0.2.1"},
		{"no bound", "", testNode("a", "172.16.3.0/24", "192.0.2.1"), "172.16.3.0/24 via 192.0.2.1"},
		{"host bits", "10.100.0.0/16", testNode("a", "10.100.3.9/24", "192.0.2.1"), "10.100.3.0/24 via 192.0.2.1"},
		{"not allocated yet", "10.100.0.0/16", testNode("a", "", "192.0.2.1"), ""},
		{"no address yet", "10.100.0.0/16", `{"metadata":{"name":"a"},"spec":{"podCIDR":"10.100.3.0/24"}}`, ""},
		{"outside", "10.100.0.0/16", testNode("a", "10.101.0.0/24", "192.0.2.1"), ""},
		{"wider", "10.100.0.0/16", testNode("a", "10.100.0.0/15", "192.0.2.1"), ""},
		{"everything", "", testNode("a", "0.0.0.0/0", "192.0.2.1"), ""},
		{"nonsense", "", testNode("a", "pods", "192.0.2.1"), ""},
		{"address of another family", "", testNode("a", "10.100.0.0/24", "2001:db8::1"), ""},
	}
	for _, tt := range tests {
		var n node
		if err := json.Unmarshal([]byte(tt.object), &n); err != nil {
			t.Fatal(err)
		}
		w := &nodeWatch{}
		if tt.within != "" {
			w.within = netip.MustParsePrefix(tt.within)
		}
		got := ""
		if r, ok := w.routeOf(n); ok {
			got = fmt.Sprintf("%s via %s", r.pods, r.via)
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
