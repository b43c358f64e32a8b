package infratest

import (
	"bufio"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

func (f *fixture) endpointSpec() infra.EndpointSpec {
	return infra.EndpointSpec{
		Key: "endpoint-" + newUUID(), ClusterUUID: f.cluster, ProjectID: f.o.Subnet.ProjectID,
		Subnet: f.o.Subnet, Public: true, Port: 6443,
	}
}

func endpointLifecycle(f *fixture) {
	spec := f.endpointSpec()
	_, err := f.d.EndpointByKey(f.ctx, spec.Key)
	f.wantKind("EndpointByKey before create", err, hanok.KindNotFound)
	e := f.endpoint(spec)
	if e.ID == "" || e.Key != spec.Key || int(e.Address.Port()) != spec.Port || !e.Address.Addr().IsValid() {
		f.Errorf("endpoint %+v lacks id, key, address or port %d", e, spec.Port)
	}
	if again := f.endpoint(spec); again != e {
		f.Errorf("CreateEndpoint again = %+v, want %+v", again, e)
	}
	if got, err := f.d.EndpointByKey(f.ctx, spec.Key); err != nil || got != e {
		f.Errorf("EndpointByKey = %+v, %v, want %+v", got, err, e)
	}
	private := f.endpointSpec()
	private.Public = false
	if other := f.endpoint(private); other.Address == e.Address || other.ID == e.ID {
		f.Errorf("two endpoints share an address or id: %+v and %+v", e, other)
	}
	member := f.portSpec(f.o.Subnet)
	member.ControlPlane = true
	members := []netip.AddrPort{netip.AddrPortFrom(f.port(member).Address, 6443)}
	f.ok("SetEndpointMembers", f.d.SetEndpointMembers(f.ctx, e.ID, members))
	f.ok("SetEndpointMembers again", f.d.SetEndpointMembers(f.ctx, e.ID, members))
	f.ok("SetEndpointMembers to none", f.d.SetEndpointMembers(f.ctx, e.ID, nil))
	if got, err := f.d.EndpointByKey(f.ctx, spec.Key); err != nil || got != e {
		f.Errorf("the endpoint changed with its members: %+v, %v", got, err)
	}
	f.ok("DeleteEndpoint", f.d.DeleteEndpoint(f.ctx, e.ID))
	f.ok("DeleteEndpoint again", f.d.DeleteEndpoint(f.ctx, e.ID))
	_, err = f.d.EndpointByKey(f.ctx, spec.Key)
	f.wantKind("EndpointByKey after delete", err, hanok.KindNotFound)
}

// endpointConnections: members come and go behind the endpoint, and a
// connection to one that stays is not cut.
func endpointConnections(f *fixture) {
	if f.o.Serve == nil {
		f.Skip("the driver's test gives no service to connect to")
	}
	a, _ := f.active()
	b, _ := f.active()
	atA, atB := f.o.Serve(f.T, a), f.o.Serve(f.T, b)
	for _, public := range []bool{true, false} {
		spec := f.endpointSpec()
		spec.Public = public
		e := f.endpoint(spec)
		f.ok("SetEndpointMembers to A", f.d.SetEndpointMembers(f.ctx, e.ID, []netip.AddrPort{atA}))
		first := f.dial(e.ID, a.ID)
		f.ok("SetEndpointMembers to A and B", f.d.SetEndpointMembers(f.ctx, e.ID, []netip.AddrPort{atA, atB}))
		first.echo(f, "after B joined")
		f.ok("SetEndpointMembers to B", f.d.SetEndpointMembers(f.ctx, e.ID, []netip.AddrPort{atB}))
		second := f.dial(e.ID, b.ID)
		second.echo(f, "to B alone")
		f.ok("SetEndpointMembers to B again", f.d.SetEndpointMembers(f.ctx, e.ID, []netip.AddrPort{atB}))
		second.echo(f, "after the same members were set again")
	}
}

type connection struct {
	net.Conn
	in *bufio.Reader
}

// dial connects to the endpoint and checks who answers.
func (f *fixture) dial(endpointID, machineID string) connection {
	f.Helper()
	raw, err := f.d.DialEndpoint(f.ctx, endpointID)
	f.ok("DialEndpoint", err)
	f.Cleanup(func() { raw.Close() })
	c := connection{raw, bufio.NewReader(raw)}
	c.SetDeadline(time.Now().Add(f.o.Timeout))
	who, err := c.in.ReadString('\n')
	f.ok("reading who answers", err)
	if who = strings.TrimSpace(who); who != machineID {
		f.Errorf("machine %s answers at the endpoint, want %s", who, machineID)
	}
	return c
}

func (c connection) echo(f *fixture, when string) {
	f.Helper()
	_, err := c.Write([]byte("ping\n"))
	f.ok("writing "+when, err)
	line, err := c.in.ReadString('\n')
	if err != nil || line != "ping\n" {
		f.Errorf("echo %s = %q, %v", when, line, err)
	}
}
