package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Leftover is something on the host that carries an installation's id.
type Leftover struct {
	Kind         string // "network namespace", "interface", "nftables table", "route", "firewall rule", "address claim", "host setting"
	Name         string
	Installation string
}

// Found lists what there is of an installation on the host, by name alone;
// "" lists all installations' things, also those of a running service.
func Found(inst string) ([]Leftover, error) { return thisHost.found(context.Background(), inst) }

// Remove removes what Found lists, and the last installation's removal gives
// the host its settings back and takes what installations share. It takes a
// running service's networks too.
func Remove(inst string) error {
	ctx := context.Background()
	if inst != "" {
		return thisHost.remove(ctx, inst)
	}
	list, err := thisHost.found(ctx, "")
	if err != nil {
		return err
	}
	ids := map[string]bool{}
	var errs []error
	for _, l := range list {
		if !ids[l.Installation] {
			ids[l.Installation] = true
			errs = append(errs, thisHost.remove(ctx, l.Installation))
		}
	}
	return errors.Join(errs...)
}

// found looks everywhere that an installation makes something.
func (s site) found(ctx context.Context, inst string) ([]Leftover, error) {
	var list []Leftover
	add := func(kind, name, owner string) {
		if inst == "" || owner == inst {
			list = append(list, Leftover{Kind: kind, Name: name, Installation: owner})
		}
	}
	entries, err := filepath.Glob(filepath.Join(s.namespaces, namespacePrefix+"*"))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if f := namespaceRE.FindStringSubmatch(filepath.Base(e)); f != nil {
			add("network namespace", f[0], f[1])
		}
	}
	h, err := openHandle(s.host)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	links, err := h.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list the host's interfaces: %w", err)
	}
	for _, l := range links {
		if f := interfaceRE.FindStringSubmatch(l.Attrs().Name); f != nil {
			add("interface", f[0], f[1])
		}
	}
	routes, err := ownRoutes(h)
	if err != nil {
		return nil, err
	}
	for _, r := range routes {
		add("route", "unreachable "+r.Dst.String(), fmt.Sprintf("%06x", r.Priority))
	}
	tables, err := s.tables(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		add("nftables table", t, strings.TrimPrefix(t, tablePrefix))
	}
	rules, err := s.passRules(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		add("firewall rule", r.text, r.installation)
	}
	claims, err := s.claims()
	if err != nil {
		return nil, err
	}
	for _, c := range claims {
		add("address claim", c.Block.String(), c.Installation)
	}
	b, err := s.readBorrowed()
	if err != nil {
		return nil, err
	}
	for _, holder := range b.Holders {
		add("host setting", hostForward, holder)
	}
	return list, nil
}

// remove removes everything of one installation, whatever state it is in.
func (s site) remove(ctx context.Context, inst string) error {
	if !installationRE.MatchString(inst) {
		return fmt.Errorf("installation id %q: must be six hex digits", inst)
	}
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	list, err := s.found(ctx, inst)
	if err != nil {
		return err
	}
	h, err := openHandle(s.host)
	if err != nil {
		return err
	}
	defer h.Close()
	var errs []error
	for _, l := range list {
		switch l.Kind {
		case "network namespace":
			errs = append(errs, removeNamespace(s.namespace(l.Name)))
		case "interface":
			errs = append(errs, removeLink(h, l.Name))
		case "nftables table":
			errs = append(errs, deleteRules(ctx, s.host, l.Name))
		}
	}
	routes, err := ownRoutes(h)
	errs = append(errs, err)
	for _, r := range routes {
		if r.Priority == (names{inst}).metric() {
			errs = append(errs, removeRoute(h, r))
		}
	}
	errs = append(errs, s.removePassRules(ctx, inst), s.returnHost(inst), releaseNamespacesDir(s.namespaces))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove the networks of installation %s: %w", inst, err)
	}
	// The claim goes last: until here the block is not free.
	if err := os.Remove(s.claimPath(inst)); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("drop the address claim of installation %s: %w", inst, err)
	}
	s.tidy()
	return nil
}

// Tidy removes what installations share on the host where none is left.
func Tidy() error {
	unlock, err := thisHost.lock()
	if err != nil {
		return err
	}
	defer unlock()
	thisHost.tidy()
	return nil
}

// ownRoutes lists the unreachable routes that installations made.
func ownRoutes(h *handle) ([]netlink.Route, error) {
	routes, err := h.RouteListFiltered(unix.AF_INET, &netlink.Route{Type: unix.RTN_UNREACHABLE, Protocol: routeProtocol},
		netlink.RT_FILTER_TYPE|netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return nil, fmt.Errorf("list the host's routes: %w", err)
	}
	return routes, nil
}

// tables lists the tables of installations on the host.
func (s site) tables(ctx context.Context) ([]string, error) {
	if _, err := findProgram("nft"); err != nil {
		return nil, nil // without it none was made
	}
	var out string
	err := inNamespace(s.host, func() (err error) {
		out, err = nft(ctx, "", "list", "tables")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the host's packet tables: %w", err)
	}
	var list []string
	for line := range strings.Lines(out) {
		f := strings.Fields(line) // table inet hanok-123456
		if len(f) == 3 && f[1] == "inet" && tableRE.MatchString(f[2]) {
			list = append(list, f[2])
		}
	}
	slices.Sort(list)
	return list, nil
}
