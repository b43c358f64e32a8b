package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// records is everything that is to exist. It is written before anything is
// made and cleared after it is gone, so Restore can finish either.
type records struct {
	Block     netip.Prefix              `json:"block"`
	Pool      pool                      `json:"pool"` // of the block
	VPCs      map[string]vpcRecord      `json:"vpcs"` // those that have a router
	Subnets   map[string]subnetRecord   `json:"subnets"`
	Ports     map[string]portRecord     `json:"ports"`
	Endpoints map[string]endpointRecord `json:"endpoints"`
}

type vpcRecord struct {
	Index  int        `json:"index"`  // numbers the router's link on the host
	Router netip.Addr `json:"router"` // its address on that link
}

// subnetRecord outlives the subnet's last port, for its pool's memory.
type subnetRecord struct {
	VPC             string       `json:"vpc"`
	CIDR            netip.Prefix `json:"cidr"`
	Gateway         netip.Addr   `json:"gateway"`
	InternetGateway bool         `json:"internet_gateway"`
	Bridge          int          `json:"bridge"`
	Pool            pool         `json:"pool"`
}

type portRecord struct {
	Key          string     `json:"key"`
	Cluster      string     `json:"cluster"`
	Project      string     `json:"project"`
	VPC          string     `json:"vpc"`
	Subnet       string     `json:"subnet"`
	Address      netip.Addr `json:"address"`
	MAC          string     `json:"mac"`
	ControlPlane bool       `json:"control_plane,omitempty"`
	Machine      string     `json:"machine,omitempty"`   // attached to
	Interface    int        `json:"interface,omitempty"` // number of its eth
}

type endpointRecord struct {
	Key     string           `json:"key"`
	Cluster string           `json:"cluster"`
	Project string           `json:"project"`
	VPC     string           `json:"vpc"`
	Subnet  string           `json:"subnet"`
	Public  bool             `json:"public"`
	Address netip.AddrPort   `json:"address"`
	Members []netip.AddrPort `json:"members,omitempty"`
	// Deleted: the address must not answer any more; the record goes last.
	Deleted bool `json:"deleted,omitempty"`
}

func (r records) clone() records {
	r.VPCs = maps.Clone(r.VPCs)
	r.Subnets = maps.Clone(r.Subnets)
	r.Ports = maps.Clone(r.Ports)
	r.Endpoints = maps.Clone(r.Endpoints)
	return r
}

// vpcUsed tells whether a port or endpoint needs the VPC's router.
func (r records) vpcUsed(vpc string) bool {
	for _, p := range r.Ports {
		if p.VPC == vpc {
			return true
		}
	}
	for _, e := range r.Endpoints {
		if e.VPC == vpc {
			return true
		}
	}
	return false
}

// subnetUsed tells whether a port is on the subnet.
func (r records) subnetUsed(subnet string) bool {
	for _, p := range r.Ports {
		if p.Subnet == subnet {
			return true
		}
	}
	return false
}

// subnetsInUse lists the VPC's subnets that need a bridge, in its order.
func subnetsInUse(r records, vpc string) []subnetRecord {
	var list []subnetRecord
	for id, s := range r.Subnets {
		if s.VPC == vpc && r.subnetUsed(id) {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b subnetRecord) int { return a.Bridge - b.Bridge })
	return list
}

// ledger keeps the records on disk. A published value is never changed: view
// may be read without a lock.
type ledger struct {
	path string
	mu   sync.Mutex
	cur  records
}

func openLedger(dir string) (*ledger, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the network state directory: %w", err)
	}
	l := &ledger{path: filepath.Join(dir, "network.json"), cur: records{
		VPCs:      map[string]vpcRecord{},
		Subnets:   map[string]subnetRecord{},
		Ports:     map[string]portRecord{},
		Endpoints: map[string]endpointRecord{},
	}}
	b, err := os.ReadFile(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the network state: %w", err)
	}
	if err := json.Unmarshal(b, &l.cur); err != nil {
		return nil, fmt.Errorf("network state %s is damaged, restore it from a backup or remove the installation with `hanok sweep`: %w", l.path, err)
	}
	return l, nil
}

func (l *ledger) view() records {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cur
}

// update changes a copy of the records and makes it durable. Nothing changes
// when fn or the write fails, and nothing is written when fn says so by false.
func (l *ledger) update(fn func(*records) (changed bool, err error)) (records, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := l.cur.clone()
	changed, err := fn(&next)
	if err != nil {
		return records{}, err
	}
	if !changed {
		return l.cur, nil
	}
	b, err := json.Marshal(next)
	if err != nil {
		return records{}, fmt.Errorf("encode the network state: %w", err)
	}
	if err := writeDurably(l.path, b); err != nil {
		return records{}, fmt.Errorf("write the network state: %w", err)
	}
	l.cur = next
	return next, nil
}

// writeDurably replaces a file so that after a crash either the old or the
// new content is there.
func writeDurably(path string, content []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
