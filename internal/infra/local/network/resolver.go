package network

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"
)

// upstreamResolvConf holds the real servers where systemd-resolved owns
// /etc/resolv.conf: its stub answers nobody but the host itself.
const upstreamResolvConf = "/run/systemd/resolve/resolv.conf"

var resolvedStubs = []netip.Addr{netip.MustParseAddr("127.0.0.53"), netip.MustParseAddr("127.0.0.54")}

// hostNameserver gives the host's first IPv4 nameserver, invalid when it has
// none: then nodes have no DNS either.
func hostNameserver(resolvConf, upstream string) (netip.Addr, error) {
	servers, err := readNameservers(resolvConf)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, s := range servers {
		if s != resolvedStubs[0] && s != resolvedStubs[1] {
			return s, nil
		}
		real, err := readNameservers(upstream)
		if err != nil {
			return netip.Addr{}, err
		}
		if len(real) > 0 {
			return real[0], nil
		}
	}
	return netip.Addr{}, nil
}

// readNameservers lists the IPv4 nameservers of a resolv.conf(5) file; a
// missing file has none.
func readNameservers(path string) ([]netip.Addr, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the host's nameservers: %w", err)
	}
	defer f.Close()
	var list []netip.Addr
	s := bufio.NewScanner(f)
	for s.Scan() {
		fields := strings.Fields(s.Text())
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(fields[1]); err == nil && a.Unmap().Is4() {
			list = append(list, a.Unmap())
		}
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("read the host's nameservers from %s: %w", path, err)
	}
	return list, nil
}
