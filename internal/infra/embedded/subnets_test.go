package embedded

import (
	"net/netip"
	"testing"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
)

func TestCreateNetwork(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	for _, test := range []struct {
		cidr string
		ok   bool
	}{
		{"10.0.0.0/8", true},
		{"172.16.0.0/12", true},
		{"192.168.0.0/16", true}, // may overlap with another VPC
		{"192.168.0.0/28", true},
		{"192.168.0.0/29", false},
		{"10.0.0.0/7", false},
		{"192.168.0.1/24", false},
		{"169.254.1.0/24", false},
		{"198.18.4.0/24", false},
		{"198.0.0.0/8", false},
		{"127.0.0.0/8", false},
		{"224.0.0.0/8", false},
		{"fd00::/16", false},
	} {
		n, err := f.catalogue.CreateNetwork(t.Context(), f.token.ProjectID, "net", netip.MustParsePrefix(test.cidr))
		if test.ok && err != nil {
			t.Errorf("%s: %v", test.cidr, err)
		} else if !test.ok {
			wantKind(t, test.cidr, err, hanok.KindInvalid)
		} else if err := f.catalogue.DeleteNetwork(t.Context(), f.token.ProjectID, n.ID); err != nil {
			t.Errorf("%s: delete: %v", test.cidr, err)
		}
	}
	_, err := f.catalogue.CreateNetwork(t.Context(), f.token.ProjectID, "net", netip.Prefix{})
	wantKind(t, "no range", err, hanok.KindInvalid)
	_, err = f.catalogue.CreateNetwork(t.Context(), "none", "net", netip.MustParsePrefix("10.0.0.0/16"))
	wantKind(t, "no project", err, hanok.KindNotFound)
}

func TestCreateSubnet(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	ctx, p := t.Context(), f.token.ProjectID
	other := must[infra.Project](t)(f.identity.CreateProject(ctx, "other"))
	n := must[infra.Network](t)(f.catalogue.CreateNetwork(ctx, p, "net", netip.MustParsePrefix("10.1.0.0/16")))
	first := must[infra.Subnet](t)(f.catalogue.CreateSubnet(ctx, infra.Subnet{
		Name: "first", NetworkID: n.ID, ProjectID: p, CIDR: netip.MustParsePrefix("10.1.0.0/24"), InternetGateway: true,
	}))
	if first.Gateway.String() != "10.1.0.1" || !first.InternetGateway {
		t.Errorf("subnet %+v, want the gateway 10.1.0.1", first)
	}
	for _, test := range []struct {
		name          string
		cidr, gateway string
		project       string
		network       string
		want          hanok.Kind
	}{
		{"overlap within the VPC", "10.1.0.128/25", "", p, n.ID, hanok.KindInvalid},
		{"overlap, larger", "10.1.0.0/20", "", p, n.ID, hanok.KindInvalid},
		{"outside of the VPC", "10.2.0.0/24", "", p, n.ID, hanok.KindInvalid},
		{"larger than the VPC", "10.0.0.0/15", "", p, n.ID, hanok.KindInvalid},
		{"too small", "10.1.1.0/29", "", p, n.ID, hanok.KindInvalid},
		{"gateway outside", "10.1.1.0/24", "10.1.2.1", p, n.ID, hanok.KindInvalid},
		{"gateway is the network", "10.1.1.0/24", "10.1.1.0", p, n.ID, hanok.KindInvalid},
		{"gateway is the broadcast", "10.1.1.0/24", "10.1.1.255", p, n.ID, hanok.KindInvalid},
		{"another project's network", "10.1.1.0/24", "", other.ID, n.ID, hanok.KindNotFound},
		{"unknown network", "10.1.1.0/24", "", p, "none", hanok.KindNotFound},
	} {
		s := infra.Subnet{Name: "s", NetworkID: test.network, ProjectID: test.project, CIDR: netip.MustParsePrefix(test.cidr)}
		if test.gateway != "" {
			s.Gateway = netip.MustParseAddr(test.gateway)
		}
		_, err := f.catalogue.CreateSubnet(ctx, s)
		wantKind(t, test.name, err, test.want)
	}

	wantKind(t, "delete a network with subnets", f.catalogue.DeleteNetwork(ctx, p, n.ID), hanok.KindConflict)
	wantKind(t, "delete another project's subnet", f.catalogue.DeleteSubnet(ctx, other.ID, first.ID), hanok.KindNotFound)
	wantKind(t, "delete another project's network", f.catalogue.DeleteNetwork(ctx, other.ID, n.ID), hanok.KindNotFound)
	putCluster(t, f, hanok.Cluster{UUID: "c1", Name: "c", ProjectID: p, FixedSubnet: first.ID})
	wantKind(t, "delete a subnet in use", f.catalogue.DeleteSubnet(ctx, p, first.ID), hanok.KindConflict)
	deleteCluster(t, f, "c1")
	if err := f.catalogue.DeleteSubnet(ctx, p, first.ID); err != nil {
		t.Error(err)
	}
	if err := f.catalogue.DeleteNetwork(ctx, p, n.ID); err != nil {
		t.Error(err)
	}
}
