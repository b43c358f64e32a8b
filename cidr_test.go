package hanok

import (
	"net/netip"
	"strings"
	"testing"
)

func ranges(subnet, pods, service string, size int) ClusterRanges {
	return ClusterRanges{
		Subnet: netip.MustParsePrefix(subnet), Pods: netip.MustParsePrefix(pods), Service: netip.MustParsePrefix(service),
		PodSubnetSize: size, Version: "v1.30.3",
	}
}

func TestClusterRanges(t *testing.T) {
	t.Parallel()
	old := ranges("192.168.0.0/24", "172.16.0.0/12", "10.254.0.0/16", 24)
	old.Version = "v1.23.3"
	newer := old
	newer.Version = "v1.24.3"
	for name, c := range map[string]struct {
		ranges ClusterRanges
		want   string // "" is allowed, else the error's beginning
	}{
		"defaults":                    {ranges("192.168.0.0/24", defaultPodCIDR, defaultServiceCIDR, defaultPodSubnetSize), ""},
		"the issue's own":             {ranges("192.168.0.0/24", "10.30.0.0/18", "10.20.0.0/16", 26), ""},
		"the guide's example":         {ranges("192.168.0.0/24", "10.100.0.0/22", "10.254.0.0/16", 24), ""},
		"neighbours":                  {ranges("10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24", 26), ""},
		"subnet link-local":           {ranges("169.254.3.0/24", "10.100.0.0/16", "10.254.0.0/16", 24), "fixed_subnet: 169.254.3.0/24 overlaps the link-local"},
		"pods hold link-local":        {ranges("192.168.0.0/24", "168.0.0.0/7", "10.254.0.0/16", 20), "labels.pods_network_cidr: 168.0.0.0/7 overlaps the link-local"},
		"service link-local":          {ranges("192.168.0.0/24", "10.100.0.0/16", "169.254.0.0/16", 24), "labels.service_cluster_ip_range: "},
		"subnet in the own range":     {ranges("198.18.1.0/24", "10.100.0.0/16", "10.254.0.0/16", 24), "fixed_subnet: 198.18.1.0/24 overlaps 198.18.0.0/19"},
		"pods hold the own range":     {ranges("192.168.0.0/24", "198.18.0.0/16", "10.254.0.0/16", 24), "labels.pods_network_cidr: 198.18.0.0/16 overlaps 198.18.0.0/19"},
		"beside the own range":        {ranges("192.168.0.0/24", "198.18.32.0/19", "10.254.0.0/16", 24), ""},
		"service in the own range":    {ranges("192.168.0.0/24", "10.100.0.0/16", "198.18.31.0/24", 24), "labels.service_cluster_ip_range: "},
		"subnet too small":            {ranges("192.168.0.0/26", "10.100.0.0/16", "10.254.0.0/16", 24), "fixed_subnet: 192.168.0.0/26 is too small"},
		"pods too small":              {ranges("192.168.0.0/24", "10.100.0.0/25", "10.254.0.0/16", 28), "labels.pods_network_cidr: 10.100.0.0/25 is too small"},
		"service too small":           {ranges("192.168.0.0/24", "10.100.0.0/16", "10.254.0.0/30", 24), "labels.service_cluster_ip_range: 10.254.0.0/30 is too small"},
		"pods overlap subnet":         {ranges("10.100.3.0/24", "10.100.0.0/16", "10.254.0.0/16", 24), "labels.pods_network_cidr: 10.100.0.0/16 overlaps 10.100.3.0/24 of fixed_subnet"},
		"service overlaps subnet":     {ranges("10.254.0.0/24", "10.100.0.0/16", "10.254.0.0/16", 24), "labels.service_cluster_ip_range: 10.254.0.0/16 overlaps 10.254.0.0/24 of fixed_subnet"},
		"service overlaps pods":       {ranges("192.168.0.0/24", "10.0.0.0/12", "10.2.0.0/16", 24), "labels.service_cluster_ip_range: 10.2.0.0/16 overlaps 10.0.0.0/12 of pods_network_cidr"},
		"service too large":           {ranges("192.168.0.0/24", "172.16.0.0/16", "10.0.0.0/11", 24), "labels.service_cluster_ip_range: 10.0.0.0/11 is larger"},
		"loopback":                    {ranges("192.168.0.0/24", "127.1.0.0/16", "10.254.0.0/16", 24), "labels.pods_network_cidr: 127.1.0.0/16 overlaps 127.0.0.0/8"},
		"multicast":                   {ranges("192.168.0.0/24", "239.0.0.0/16", "10.254.0.0/16", 24), "labels.pods_network_cidr: 239.0.0.0/16 overlaps 224.0.0.0/3"},
		"bridge, old version":         {old, "labels.pods_network_cidr: 172.16.0.0/12 overlaps the container bridge"},
		"bridge, newer version":       {newer, ""},
		"pod subnet 19":               {ranges("192.168.0.0/24", "10.96.0.0/12", "10.254.0.0/16", 19), "labels.pods_network_subnet: 19 is out of bounds; it must be 20 to 28"},
		"pod subnet 20":               {ranges("192.168.0.0/24", "10.96.0.0/12", "10.254.0.0/16", 20), ""},
		"pod subnet 28":               {ranges("192.168.0.0/24", "10.100.0.0/16", "10.254.0.0/16", 28), ""},
		"pod subnet 29":               {ranges("192.168.0.0/24", "10.100.0.0/16", "10.254.0.0/16", 29), "labels.pods_network_subnet: 29 is out of bounds"},
		"pod subnet 1 above":          {ranges("192.168.0.0/24", "10.100.0.0/23", "10.254.0.0/16", 24), "labels.pods_network_subnet: 24 must be at least 2 greater"},
		"pod subnet 2 above":          {ranges("192.168.0.0/24", "10.100.0.0/22", "10.254.0.0/16", 24), ""},
		"pod subnet too far":          {ranges("192.168.0.0/24", "10.0.0.0/8", "172.20.0.0/16", 26), "labels.pods_network_subnet: 26 is too far"},
		"pod subnet as far as it can": {ranges("192.168.0.0/24", "10.0.0.0/8", "172.20.0.0/16", 24), ""},
	} {
		err := c.ranges.Check()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v; want it allowed", name, err)
		case c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want) || KindOf(err) != KindInvalid):
			t.Errorf("%s: error %v; want an invalid %q", name, err, c.want)
		}
	}
}

func TestParseCIDR(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"10.20.0.0/16":        "",
		"10.20.0.1/16":        "the range is 10.20.0.0/16",
		"10.20.0.0":           "is not an IPv4 range",
		"10.20.0.0/33":        "is not an IPv4 range",
		"010.20.0.0/16":       "is not an IPv4 range",
		"fd00::/16":           "is not an IPv4 range",
		"::ffff:10.0.0.0/104": "is not an IPv4 range",
		"":                    "is not an IPv4 range",
		" 10.20.0.0/16":       "is not an IPv4 range",
	} {
		p, err := ParseCIDR("f", s)
		if want == "" && (err != nil || p.String() != s) {
			t.Errorf("%q: %v, %v; want it read", s, p, err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: error %v; want %q", s, err, want)
		}
	}
}

func TestPodNetworkArithmetic(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pods  string
		size  int
		nodes int
	}{
		{"10.100.0.0/16", 24, 253}, // the guides' own figures
		{"10.30.0.0/18", 26, 253},
		{"10.100.0.0/22", 24, 1},
		{"10.100.0.0/24", 26, 1},
		{"10.100.0.0/16", 28, 4093},
		{"10.96.0.0/12", 20, 253},
	} {
		pods := netip.MustParsePrefix(c.pods)
		if n := MaxNodes(pods, c.size); n != c.nodes {
			t.Errorf("%s with /%d: %d nodes, want %d", c.pods, c.size, n, c.nodes)
		}
	}
}

func TestQuoteBoundsWhatItRepeats(t *testing.T) {
	t.Parallel()
	if got := Quote(strings.Repeat("한", 1000)); len(got) > 120 {
		t.Errorf("%d bytes for an error message", len(got))
	}
	if got := Quote("a\nb"); got != `"a\nb"` {
		t.Errorf("got %s", got)
	}
}

func TestPodSubnet(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pods string
		size int
		i    int
		want string
	}{
		{"10.100.0.0/16", 24, 0, "10.100.0.0/24"},
		{"10.100.0.0/16", 24, 255, "10.100.255.0/24"},
		{"10.30.0.0/18", 26, 1, "10.30.0.64/26"},
		{"10.30.0.0/18", 26, 255, "10.30.63.192/26"},
		{"10.0.0.0/8", 20, 4095, "10.255.240.0/20"},
	} {
		if got := PodSubnet(netip.MustParsePrefix(tc.pods), tc.size, tc.i); got.String() != tc.want {
			t.Errorf("subnet %d of %s by /%d is %s, want %s", tc.i, tc.pods, tc.size, got, tc.want)
		}
	}
}
