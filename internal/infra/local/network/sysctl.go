package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A setting is a kernel setting below /proc/sys/net of the calling thread's
// network namespace.
type setting struct {
	path, value string
	optional    bool // the kernel or its modules may not have it
}

// apply writes the settings that have another value.
func apply(settings []setting) error {
	for _, s := range settings {
		old, err := readSetting(s.path)
		if s.optional && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && old == s.value {
			continue
		}
		if err == nil {
			err = writeSetting(s.path, s.value)
		}
		if err != nil && !s.optional {
			return fmt.Errorf("set net/%s to %s: %w", s.path, s.value, err)
		}
	}
	return nil
}

func readSetting(path string) (string, error) {
	b, err := os.ReadFile(filepath.Join("/proc/sys/net", path))
	return strings.TrimSpace(string(b)), err
}

func writeSetting(path, value string) error {
	return os.WriteFile(filepath.Join("/proc/sys/net", path), []byte(value), 0)
}

// routerSettings: a router forwards between machines that may send and answer
// by different ways, so it neither checks sources nor tells of shorter ways.
var routerSettings = []setting{
	{path: "ipv4/ip_forward", value: "1"},
	{path: "ipv4/conf/all/rp_filter", value: "0"},
	{path: "ipv4/conf/default/rp_filter", value: "0"},
	{path: "ipv4/conf/all/send_redirects", value: "0"},
	{path: "ipv4/conf/default/send_redirects", value: "0"},
	{path: "ipv4/conf/all/accept_redirects", value: "0"},
	{path: "ipv4/conf/default/accept_redirects", value: "0"},
	{path: "ipv6/conf/all/disable_ipv6", value: "1", optional: true},
	{path: "ipv6/conf/default/disable_ipv6", value: "1", optional: true},
	// Frames between machines of one bridge are none of the firewall's business.
	{path: "bridge/bridge-nf-call-iptables", value: "0", optional: true},
	{path: "bridge/bridge-nf-call-ip6tables", value: "0", optional: true},
	// A packet outside the window is still translated: untranslated it would
	// reach the other side from a stranger's address and reset the connection.
	{path: "netfilter/nf_conntrack_tcp_be_liberal", value: "1", optional: true},
}

// machineSettings: a control-plane member gets a pod's answer through the
// router although it asked the node directly.
var machineSettings = []setting{
	{path: "ipv4/conf/all/rp_filter", value: "0"},
	{path: "ipv4/conf/default/rp_filter", value: "0"},
	{path: "ipv4/conf/all/accept_redirects", value: "0"},
	{path: "ipv4/conf/default/accept_redirects", value: "0"},
}
