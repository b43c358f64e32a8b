package network

import (
	"slices"
	"strings"
	"testing"
)

func TestDroppingChains(t *testing.T) {
	t.Parallel()
	listing := `table ip filter {
	chain INPUT {
		type filter hook input priority filter; policy accept;
	}
	chain FORWARD {
		type filter hook forward priority filter; policy drop;
	}
	chain DOCKER-USER {
	}
	chain OUTPUT {
		type filter hook output priority filter; policy drop;
	}
}
table inet firewalld {
	chain filter_INPUT {
		type filter hook input priority filter + 10; policy drop;
	}
}
`
	want := []string{"ip filter FORWARD", "inet firewalld filter_INPUT"}
	if got := droppingChains(listing); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// As Docker leaves a host: forwarding is dropped but for what DOCKER-USER lets through.
func TestThroughDockersFirewall(t *testing.T) {
	t.Parallel()
	if _, err := findProgram("iptables"); err != nil {
		t.Skip("needs iptables, as every host with Docker has it: ", err)
	}
	w := newWorld(t)
	iptables := func(args ...string) string {
		t.Helper()
		var out string
		must(t, inNamespace(w.site.host, func() (err error) {
			out, err = run(t.Context(), "", "iptables", append([]string{"-w", "5"}, args...)...)
			return err
		}))
		return out
	}
	w.serve(w.internet, internetAddress+":80", "internet")
	n := w.node(testSubnet("10.0.0.0/24", true), false)
	iptables("-N", userChain)
	iptables("-A", "FORWARD", "-j", userChain)
	iptables("-P", "FORWARD", "DROP")
	before := iptables("-S")
	w.refused(n.path, internetAddress+":80")
	for range 2 {
		w.open()
	}
	w.reaches(n.path, internetAddress+":80", "internet")
	if got := strings.Count(iptables("-S"), w.manager.names.table()); got != 2 {
		t.Errorf("%d rules, want one for each direction:\n%s", got, iptables("-S"))
	}
	must(t, w.manager.Destroy(t.Context()))
	if after := iptables("-S"); after != before {
		t.Errorf("before:\n%safter:\n%s", before, after)
	}
}
