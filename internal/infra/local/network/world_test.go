package network

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/vishvananda/netlink"

	"github.com/hanok/hanok/internal/infra"
)

// world is a host of its own for a test: a namespace with a way out to an
// "internet", another namespace. Nothing of the real host is touched but
// /run/netns, and every name there carries a test installation's id (7e…).
type world struct {
	t        testing.TB
	inst     string
	site     site
	state    string
	resolv   string
	internet string // namespace path
	manager  *Manager
}

const (
	hostOutside     = "203.0.113.1" // the host's address towards the internet
	internetAddress = "203.0.113.2"
	agentPort       = 9512
)

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: makes network namespaces")
	}
}

var (
	testIDs     sync.Mutex
	testIDsUsed = map[string]bool{}
)

// testInstallation gives an id of its own to everybody who asks.
func testInstallation() string {
	testIDs.Lock()
	defer testIDs.Unlock()
	for {
		b := make([]byte, 2)
		rand.Read(b)
		id := "7e" + hex.EncodeToString(b)
		taken, _ := filepath.Glob(filepath.Join(namespacesDir, namespacePrefix+id+"-*"))
		if !testIDsUsed[id] && len(taken) == 0 {
			testIDsUsed[id] = true
			return id
		}
	}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	needRoot(t)
	outer := testInstallation() // owns the namespaces that stand for host and internet
	w := &world{
		t: t, inst: testInstallation(), state: t.TempDir(),
		internet: filepath.Join(namespacesDir, namespacePrefix+outer+"-internet"),
		site:     site{run: t.TempDir(), namespaces: namespacesDir, host: filepath.Join(namespacesDir, namespacePrefix+outer+"-host")},
	}
	w.resolv = filepath.Join(w.state, "resolv.conf")
	must(t, os.WriteFile(w.resolv, []byte("nameserver "+internetAddress+"\n"), 0o600))
	t.Cleanup(func() {
		must(t, w.site.remove(context.Background(), w.inst))
		must(t, errors.Join(removeNamespace(w.site.host), removeNamespace(w.internet), releaseNamespacesDir(namespacesDir)))
	})
	for _, path := range []string{w.site.host, w.internet} {
		_, err := ensureNamespace(path)
		must(t, err)
	}
	host, internet := w.handle(w.site.host), w.handle(w.internet)
	must(t, host.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "eth0", PeerNamespace: netlink.NsFd(internet.ns)}))
	w.address(host, "eth0", hostOutside+"/24")
	w.address(internet, "eth0", internetAddress+"/24")
	w.address(host, "lo", "")
	must(t, ensureRoute(host, netlink.Route{Dst: ipNet(netip.MustParsePrefix("0.0.0.0/0")), Gw: net.ParseIP(internetAddress)}))
	w.open()
	return w
}

func (w *world) handle(path string) *handle {
	w.t.Helper()
	h, err := openHandle(path)
	must(w.t, err)
	w.t.Cleanup(h.Close)
	return h
}

func (w *world) address(h *handle, name, addr string) {
	w.t.Helper()
	link, err := h.LinkByName(name)
	must(w.t, err)
	must(w.t, h.LinkSetUp(link))
	if addr != "" {
		must(w.t, ensureAddress(h, link, netip.MustParsePrefix(addr)))
	}
}

// open starts the installation's manager, anew when it runs already.
func (w *world) open() {
	w.t.Helper()
	m, err := Open(w.t.Context(), w.config())
	must(w.t, err)
	w.manager = m
}

func (w *world) config() Config {
	return Config{
		StateDir: w.state, InstallationID: w.inst, AgentPort: agentPort, ResolvConf: w.resolv, at: &w.site,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// subnet makes a subnet of a VPC of its own; change it before use.
func testSubnet(cidr string, internet bool) infra.Subnet {
	p := netip.MustParsePrefix(cidr)
	return infra.Subnet{ID: uuid.NewString(), NetworkID: uuid.NewString(), CIDR: p, Gateway: p.Addr().Next(), InternetGateway: internet}
}

// node is an attached machine.
type node struct {
	id, path string
	port     infra.Port
}

func (n node) at(port int) string { return netip.AddrPortFrom(n.port.Address, uint16(port)).String() }

func (w *world) node(s infra.Subnet, controlPlane bool) node {
	w.t.Helper()
	n := node{id: uuid.NewString()}
	var err error
	n.port, err = w.manager.CreatePort(w.t.Context(), infra.PortSpec{Key: n.id, Subnet: s, ControlPlane: controlPlane})
	must(w.t, err)
	n.path, err = w.manager.AttachMachine(w.t.Context(), n.id, []string{n.port.ID})
	must(w.t, err)
	return n
}

// serve answers every line on address inside a namespace with "name peer",
// until the test ends or the returned function is called.
func (w *world) serve(path, address, name string) (stop func()) {
	w.t.Helper()
	var l net.Listener
	must(w.t, inNamespace(path, func() (err error) {
		l, err = net.Listen("tcp4", address)
		return err
	}))
	w.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				peer, _, _ := net.SplitHostPort(c.RemoteAddr().String())
				for s := bufio.NewScanner(c); s.Scan(); {
					fmt.Fprintf(c, "%s %s\n", name, peer)
				}
			}()
		}
	}()
	return func() { l.Close() }
}

// talk is a connection to a server made by serve.
type talk struct {
	net.Conn
	r *bufio.Reader
}

func (w *world) dial(path, address string) (*talk, error) {
	var c net.Conn
	err := inNamespace(path, func() (err error) {
		c, err = (&net.Dialer{Timeout: 2 * time.Second}).DialContext(w.t.Context(), "tcp4", address)
		return err
	})
	if err != nil {
		return nil, err
	}
	w.t.Cleanup(func() { c.Close() })
	return newTalk(c), nil
}

func newTalk(c net.Conn) *talk { return &talk{c, bufio.NewReader(c)} }

// ask gives the server's name and the address by which it sees the caller.
func (c *talk) ask() (name, peer string, err error) {
	c.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := io.WriteString(c, "?\n"); err != nil {
		return "", "", err
	}
	line, err := c.r.ReadString('\n')
	name, peer, _ = strings.Cut(strings.TrimSpace(line), " ")
	return name, peer, err
}

// reaches fails the test unless name answers at address, and gives the
// caller's address as name sees it.
func (w *world) reaches(path, address, name string) (peer string) {
	w.t.Helper()
	c, err := w.dial(path, address)
	must(w.t, err)
	got, peer, err := c.ask()
	must(w.t, err)
	if got != name {
		w.t.Fatalf("%s from %s: %q answered, want %q", address, filepath.Base(path), got, name)
	}
	return peer
}

func (w *world) refused(path, address string) {
	w.t.Helper()
	if c, err := w.dial(path, address); err == nil {
		name, _, _ := c.ask()
		w.t.Fatalf("%s from %s: %q answered, want none", address, filepath.Base(path), name)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
