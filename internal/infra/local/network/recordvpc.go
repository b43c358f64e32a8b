package network

import (
	"net/netip"

	"github.com/hanok/hanok"
)

// recordVPC puts the VPC's router on record, and the subnet as it is now.
func recordVPC(r *records, vpc, subnetID string, want subnetRecord) (subnetRecord, error) {
	if _, ok := r.VPCs[vpc]; !ok {
		address, err := takeBlockAddress(r, "a router")
		if err != nil {
			return subnetRecord{}, err
		}
		used := map[int]bool{}
		for _, v := range r.VPCs {
			used[v.Index] = true
		}
		r.VPCs[vpc] = vpcRecord{Index: unused(used), Router: address}
	}
	for id, other := range r.Subnets {
		if id == subnetID || other.VPC != vpc || !other.CIDR.Overlaps(want.CIDR) {
			continue
		}
		if r.subnetUsed(id) {
			return subnetRecord{}, hanok.Errorf(hanok.KindConflict, "subnet %s (%s) overlaps subnet %s (%s) of the same network %s, which has ports", subnetID, want.CIDR, id, other.CIDR, vpc)
		}
		delete(r.Subnets, id) // one that was deleted since
	}
	have, ok := r.Subnets[subnetID]
	switch {
	case !ok:
		used := map[int]bool{}
		for _, s := range r.Subnets {
			used[s.Bridge] = used[s.Bridge] || s.VPC == vpc
		}
		want.Bridge = unused(used)
	case have.VPC == want.VPC && have.CIDR == want.CIDR && have.Gateway == want.Gateway:
		want.Bridge, want.Pool = have.Bridge, have.Pool
	case r.subnetUsed(subnetID):
		return subnetRecord{}, hanok.Errorf(hanok.KindConflict, "subnet %s has ports and was %s with gateway %s: it cannot become %s with gateway %s", subnetID, have.CIDR, have.Gateway, want.CIDR, want.Gateway)
	default:
		want.Bridge = have.Bridge
	}
	r.Subnets[subnetID] = want
	return want, nil
}

// unused gives the smallest number that is not used.
func unused(used map[int]bool) int {
	for i := 0; ; i++ {
		if !used[i] {
			return i
		}
	}
}

// takeBlockAddress takes an address of the installation's block.
func takeBlockAddress(r *records, what string) (netip.Addr, error) {
	service := r.Block.Addr().Next()
	a, next, ok := r.Pool.take(r.Block, service)
	if !ok {
		return netip.Addr{}, hanok.Errorf(hanok.KindUnavailable, "no address of %s is left for %s: all %d are used by routers, control planes and endpoints; delete clusters", r.Block, what, usable(r.Block, 1))
	}
	r.Pool = next
	return a, nil
}
