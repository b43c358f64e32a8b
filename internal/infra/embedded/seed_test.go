package embedded

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

func TestSeed(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	ctx := t.Context()
	identity := NewIdentity(s, IdentityOptions{})
	first, err := Seed(ctx, s, identity, "")
	if err != nil || len(first.Password) != 24 {
		t.Fatalf("Seed: a password of %d characters, %v", len(first.Password), err)
	}
	token, err := identity.Authenticate(ctx, login(first.UserName, first.Password))
	if err != nil {
		t.Fatal(err)
	}
	if token.ProjectName != first.ProjectName {
		t.Errorf("project %s, want %s", token.ProjectName, first.ProjectName)
	}
	catalogue := NewCatalogue(s)
	before := everything(t, s)
	flavor := must[[]infra.Flavor](t)(catalogue.Flavors(ctx, token.ProjectID))[0]
	if err := catalogue.DeleteFlavor(ctx, flavor.ID); err != nil {
		t.Fatal(err)
	}
	again, err := Seed(ctx, s, identity, "")
	if err != nil || again.Password != "" {
		t.Errorf("Seed again: password %q, %v, want none", again.Password, err)
	}
	if _, err := catalogue.Flavor(ctx, token.ProjectID, flavor.ID); err == nil {
		t.Error("what the operator deleted came back")
	}
	after := everything(t, s)
	delete(before, kindFlavor+"/"+flavor.ID)
	if len(after) != len(before) {
		t.Errorf("%d documents after the second seed, %d before", len(after), len(before))
	}
	for id, body := range before {
		if after[id] != body {
			t.Errorf("document %s changed from %s to %s", id, body, after[id])
		}
	}
	if _, err := identity.Validate(ctx, token.ID); err != nil {
		t.Errorf("the token after the second seed: %v", err)
	}
}

// TestSeedIDs: written requests hold these ids, so they never change.
func TestSeedIDs(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	docs := everything(t, f.store)
	for _, id := range []string{
		"flavor/5d050cf4-1e4b-510e-baa8-625abb85cafc", // t2.c1m1
		"flavor/cc9034f4-75f0-52f0-bc15-d2cf4bff7f05", // m2.c1m2
		"flavor/73115ac9-9d6d-5182-aa13-2ce581cfdb82", // m2.c2m4
		"flavor/a4657d87-e8d3-5a42-9580-8dbc2803b646", // m2.c4m8
		"flavor/96d92d5f-705f-52db-aba1-abaac44e2740", // m2.c8m16
		"flavor/ec2cbf17-5d6f-5422-83b7-d688a9ca9735", // c2.c2m2
		"flavor/4e6c9455-8f43-54a3-8354-3e23c9c9e80c", // c2.c4m4
		"flavor/5fdec63c-6385-5f9e-b224-e748dd785af5", // c2.c8m8
		"flavor/5b55442c-4f53-5f6d-ade9-b5e4e119496b", // r2.c2m8
		"flavor/5d52ae85-4d8d-5ad4-9ef4-b5700ae2a051", // r2.c4m16
		"flavor/197c42ff-a614-53ee-aa47-02a3ade4caf8", // x1.c4m8
		"image/bc1b66c6-db04-5fd3-82dc-05c3c73a1b68",
		"network/a8b96351-2e15-55af-81d7-fdfc2abac6e1",
		"subnet/155bb33c-f955-51ed-8f22-e12d6e925f69",
		"volume_type/34f9ac25-7da2-5a60-839f-c8c523643512", // General HDD
		"volume_type/0ba06c57-967e-563d-8b73-77ca463eda32", // General SSD
		"zone/kr-pub-a",
		"zone/kr-pub-b",
	} {
		if _, ok := docs[id]; !ok {
			t.Errorf("%s is not there", id)
		}
	}
}

func TestSeededProjectsNetwork(t *testing.T) {
	t.Parallel()
	f := seededFixture(t)
	subnets := must[[]infra.Subnet](t)(f.catalogue.Subnets(t.Context(), f.token.ProjectID))
	got := map[string]bool{}
	for _, s := range subnets {
		if !s.External {
			got[s.CIDR.String()] = s.InternetGateway
			n, err := f.catalogue.Network(t.Context(), f.token.ProjectID, s.NetworkID)
			if err != nil || !contains(n.CIDR, s.CIDR) || n.CIDR.String() != "192.168.0.0/16" {
				t.Errorf("subnet %s is in network %+v, %v", s.CIDR, n, err)
			}
		}
	}
	if len(got) != 2 || !got["192.168.0.0/24"] || got["192.168.1.0/24"] {
		t.Errorf("subnets and their internet gateways: %v", got)
	}
}

// everything reads all documents but the secret ones, by kind and id.
func everything(t *testing.T, s store.Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := s.View(t.Context(), func(tx store.Tx) error {
		for _, kind := range []string{kindProject, kindUser, kindAssignment, kindFlavor, kindImage, kindNetwork,
			kindSubnet, kindKeypair, kindVolumeType, kindZone, kindSeed} {
			docs, err := tx.Documents(kind, "")
			if err != nil {
				return err
			}
			for _, d := range docs {
				all[d.Kind+"/"+d.ID] = string(d.Body)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestStoredForm: a renamed field would silently empty what is stored.
func TestStoredForm(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]any{
		`{"ID":"","Name":"","Enabled":false}`:                                               infra.Project{},
		`{"ID":"","Name":"","Type":"","VCPUs":0,"MemoryMB":0,"DiskGB":0}`:                   infra.Flavor{},
		`{"Name":"","Available":false}`:                                                     infra.Zone{},
		`{"ID":"","Name":"","Encrypted":false}`:                                             infra.VolumeType{},
		`{"UserID":"","ProjectID":"","Roles":null}`:                                         assignment{},
		`{"Name":"","ProjectID":"","UserID":"","PublicKey":"","Fingerprint":"",TIME}`:       infra.Keypair{},
		`{"ID":"","Name":"","ProjectID":"","CIDR":"","External":false,"Shared":false,TIME}`: infra.Network{},
		`{"ID":"","Name":"","NetworkID":"","ProjectID":"","CIDR":"","Gateway":"","InternetGateway":false,"External":false,"Shared":false,TIME}`:                                                infra.Subnet{},
		`{"ID":"","Name":"","Status":"","Visibility":"","MinDiskGB":0,"MinRAMMB":0,"SizeBytes":0,"OSDistro":"","OSVersion":"","OSType":"","OSArch":"","LoginUser":"","Kubernetes":false,TIME}`: infra.Image{},
		`{"ID":"","Name":"","DefaultProject":"","Enabled":false,TIME,"PasswordHash":""}`:                                                                                                       userRecord{},
	} {
		got, err := json.Marshal(v)
		want = strings.Replace(want, "TIME", `"CreatedAt":"0001-01-01T00:00:00Z"`, 1)
		if err != nil || string(got) != want {
			t.Errorf("%T is stored as\n%s\nwant\n%s\n%v", v, got, want, err)
		}
	}
}
