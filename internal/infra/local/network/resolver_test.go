package network

import (
	"os"
	"path/filepath"
	"testing"
)

func TestHostNameserver(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ conf, upstream, want string }{
		"first":           {"# by hand\nsearch x\nnameserver 192.0.2.53\nnameserver 192.0.2.54\n", "", "192.0.2.53"},
		"IPv6 first":      {"nameserver fd00::1\nnameserver 192.0.2.54 # v4\n", "", "192.0.2.54"},
		"loopback":        {"nameserver 127.0.0.1\n", "", "127.0.0.1"},
		"systemd's stub":  {"nameserver 127.0.0.53\noptions edns0\n", "nameserver 192.0.2.1\n", "192.0.2.1"},
		"stub alone":      {"nameserver 127.0.0.53\n", "", "invalid IP"},
		"none":            {"", "", "invalid IP"},
		"IPv6 only":       {"nameserver fd00::1\n", "", "invalid IP"},
		"with zone":       {"nameserver fe80::1%eth0\nnameserver 192.0.2.9\n", "", "192.0.2.9"},
		"indented, mixed": {"  nameserver\t192.0.2.7\n;nameserver 192.0.2.8\n", "", "192.0.2.7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conf, upstream := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
			must(t, os.WriteFile(conf, []byte(c.conf), 0o600))
			if c.upstream != "" {
				must(t, os.WriteFile(upstream, []byte(c.upstream), 0o600))
			}
			got, err := hostNameserver(conf, upstream)
			if err != nil || got.String() != c.want {
				t.Errorf("%s, %v, want %s", got, err, c.want)
			}
		})
	}
	if got, err := hostNameserver("/nonexistent/resolv.conf", ""); err != nil || got.IsValid() {
		t.Errorf("no file: %s, %v", got, err)
	}
}
