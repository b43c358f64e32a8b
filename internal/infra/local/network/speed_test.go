package network

import (
	"fmt"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/infra"
)

// A cluster is to be up in seconds; its networks may take a small part of that.
func TestCreateIsFast(t *testing.T) {
	w := newWorld(t)
	s := testSubnet("10.0.0.0/16", true)
	best := time.Hour
	for i := range 5 {
		start := time.Now()
		w.node(s, i == 0)
		best = min(best, time.Since(start))
	}
	if best > 200*time.Millisecond { // the aim is 50 ms on an idle machine
		t.Errorf("the fastest of five ports with machine took %v", best)
	}
}

// BenchmarkNode makes a port and a machine's namespace in a VPC in use.
func BenchmarkNode(b *testing.B) {
	w := newWorld(b)
	s := testSubnet("10.0.0.0/16", true)
	w.node(s, false)
	for b.Loop() {
		w.node(s, false)
	}
}

// BenchmarkVPC makes the first port of a VPC: router, bridge, rules.
func BenchmarkVPC(b *testing.B) {
	w := newWorld(b)
	for i := 0; b.Loop(); i++ {
		_, err := w.manager.CreatePort(b.Context(), infra.PortSpec{Key: fmt.Sprint(i), Subnet: testSubnet("10.0.0.0/24", true)})
		must(b, err)
	}
}

// BenchmarkSetEndpointMembers moves a public endpoint between two members.
func BenchmarkSetEndpointMembers(b *testing.B) {
	w := newWorld(b)
	s := testSubnet("10.0.0.0/16", true)
	m := []node{w.node(s, true), w.node(s, true)}
	e := w.endpoint(s, true)
	for i := 0; b.Loop(); i++ {
		w.members(e, m[i%2])
	}
}

// BenchmarkRestore looks at forty VPCs of two machines and an endpoint, all right.
func BenchmarkRestore(b *testing.B) {
	w := newWorld(b)
	for range 40 {
		s := testSubnet("10.0.0.0/24", true)
		w.node(s, false)
		w.endpoint(s, true, w.node(s, true))
	}
	for b.Loop() {
		w.open()
		must(b, w.manager.Restore(b.Context()))
	}
}
