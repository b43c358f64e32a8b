package client_test

import (
	"context"
	"strings"
	"testing"

	"github.com/hanok/hanok/internal/client"
	"github.com/hanok/hanok/internal/client/clienttest"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	s := clienttest.New(t)
	c := connect(t, s, nil)
	first := client.Choice{
		Version: "v1.30.3", FlavorID: "f-fit", ImageID: "img-1", NetworkID: "vpc-1", SubnetID: "sub-gw", Keypair: "mine",
		Zone: "kr-pub-a", VolumeType: "General HDD", MinDisk: 30, ExternalNet: "ext-1", ExternalSubnet: "sub-ext", InternetGateway: true,
	}
	with := func(change func(*client.Choice)) client.Choice {
		ch := first
		change(&ch)
		return ch
	}
	tests := map[string]struct {
		wishes client.Wishes
		want   client.Choice
		err    string
	}{
		"nothing wished": {client.Wishes{}, first, ""},
		"by name":        {client.Wishes{Flavor: "t2.c1m1"}, with(func(c *client.Choice) { c.FlavorID = "f-tiny" }), ""},
		"by id":          {client.Wishes{Flavor: "f-big"}, with(func(c *client.Choice) { c.FlavorID = "f-big" }), ""},
		"version":        {client.Wishes{Version: "v1.29.3"}, with(func(c *client.Choice) { c.Version = "v1.29.3" }), ""},
		"subnet without a gateway": {client.Wishes{Subnet: "isolated"}, with(func(c *client.Choice) {
			c.SubnetID, c.InternetGateway = "sub-in", false
		}), ""},
		"unknown flavor":     {client.Wishes{Flavor: "x9"}, client.Choice{}, `"m2.c2m4"`},
		"unknown image":      {client.Wishes{Image: "x9"}, client.Choice{}, "image"},
		"external subnet":    {client.Wishes{Subnet: "sub-ext"}, client.Choice{}, "subnet"},
		"subnet of another":  {client.Wishes{Network: "Public", Subnet: "default"}, client.Choice{}, "subnet"},
		"unknown key pair":   {client.Wishes{Keypair: "yours"}, client.Choice{}, "key pair"},
		"unknown zone":       {client.Wishes{Zone: "moon"}, client.Choice{}, "zone"},
		"unknown volume":     {client.Wishes{VolumeType: "tape"}, client.Choice{}, "volume type"},
		"unknown network":    {client.Wishes{Network: "nowhere"}, client.Choice{}, "network"},
		"zone as it is told": {client.Wishes{Zone: "down"}, with(func(c *client.Choice) { c.Zone = "down" }), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := c.Choose(context.Background(), tt.wishes)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want an error with %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestChooseWithoutKeypair(t *testing.T) {
	t.Parallel()
	s := clienttest.New(t)
	s.NoKeypair = true
	if _, err := connect(t, s, nil).Choose(context.Background(), client.Wishes{}); err == nil || !strings.Contains(err.Error(), "keypair create") {
		t.Errorf("got %v, want an error that tells how to make a key pair", err)
	}
}
