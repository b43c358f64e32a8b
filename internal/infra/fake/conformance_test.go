package fake_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/fake"
	"github.com/hanok/hanok/internal/infra/infratest"
)

func TestConformance(t *testing.T) {
	for _, test := range []struct {
		name     string
		options  fake.Options
		attempts int
	}{
		{name: "reliable"},
		{name: "slow", options: fake.Options{Delay: time.Millisecond, Polls: 3}},
		{name: "unreliable", options: fake.Options{FailRate: 0.2, LoseRate: 0.3, Polls: 2, Seed: 7}, attempts: 50},
	} {
		t.Run(test.name, func(t *testing.T) {
			infratest.Run(t, func(t *testing.T) infra.Driver {
				d := fake.New(test.options)
				t.Cleanup(func() {
					if i := d.Inventory(); !i.Empty() {
						t.Errorf("left behind: %+v", i)
					}
				})
				return d
			}, infratest.Options{Serve: serve, Attempts: test.attempts, Poll: time.Millisecond})
		})
	}
}

// serve answers for a machine from this process.
func serve(t *testing.T, m infra.Machine) netip.AddrPort {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				fmt.Fprintln(c, m.ID)
				io.Copy(c, c)
			}()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}
