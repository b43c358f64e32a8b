package catalogue

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/api/apitest"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/embedded"
	"github.com/hanok/hanok/internal/store"
	"github.com/hanok/hanok/internal/store/sqlite"
)

const password = "correct horse battery"

// The cluster that the fixture's project has, and its nodes.
const (
	clusterUUID = "11111111-0000-4000-8000-000000000001"
	groupUUID   = "22222222-0000-4000-8000-000000000002"
	firstNode   = "33333333-0000-4000-8000-000000000001"
	secondNode  = "33333333-0000-4000-8000-000000000002"
	memberNode  = "33333333-0000-4000-8000-00000000000a" // of the control plane
)

// fixture is the APIs over a seeded store: the project "demo" of "admin" has
// a cluster of two nodes, "other" of "eve", a reader, has none.
type fixture struct {
	*testing.T
	server   *httptest.Server
	store    store.Store
	identity *embedded.Identity
	things   *embedded.Catalogue
	token    infra.Token // admin's
	eve      infra.Token

	network, public  infra.Network
	subnet, isolated infra.Subnet
	flavor           infra.Flavor
	image            infra.Image
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	ctx := t.Context()
	s, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "hanok.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	f := &fixture{T: t, store: s, identity: embedded.NewIdentity(s, embedded.IdentityOptions{}), things: embedded.NewCatalogue(s)}
	_, err = embedded.Seed(ctx, s, f.identity, password)
	f.ok(err)
	f.token = f.login("admin")
	other, err := f.identity.CreateProject(ctx, "other")
	f.ok(err)
	_, err = f.identity.CreateUser(ctx, "eve", password, other.ID)
	f.ok(err)
	f.ok(f.identity.SetRoles(ctx, "eve", "other", infra.RoleReader))
	f.eve = f.login("eve")
	f.lookUp()
	f.addCluster()

	mux := http.NewServeMux()
	for prefix, h := range New(Config{Catalogue: f.things, Identity: f.identity, Store: s}) {
		mux.Handle(prefix, h)
		mux.Handle(prefix+"/", h)
	}
	f.server = httptest.NewServer(apitest.Handler(t, mux))
	t.Cleanup(f.server.Close)
	return f
}

func (f *fixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) login(user string) infra.Token {
	f.Helper()
	token, err := f.identity.Authenticate(f.Context(), infra.Credentials{UserName: user, Password: password})
	f.ok(err)
	return token
}

// lookUp finds the seeded things by what they are.
func (f *fixture) lookUp() {
	f.Helper()
	ctx, p := f.Context(), f.token.ProjectID
	networks, err := f.things.Networks(ctx, p)
	f.ok(err)
	for _, n := range networks {
		if n.External {
			f.public = n
		} else {
			f.network = n
		}
	}
	subnets, err := f.things.Subnets(ctx, p)
	f.ok(err)
	for _, s := range subnets {
		if s.NetworkID == f.network.ID && s.InternetGateway {
			f.subnet = s
		} else if s.NetworkID == f.network.ID {
			f.isolated = s
		}
	}
	flavors, err := f.things.Flavors(ctx, p)
	f.ok(err)
	f.flavor = flavors[0]
	images, err := f.things.Images(ctx, p)
	f.ok(err)
	f.image = images[0]
}

func (f *fixture) addCluster() {
	f.Helper()
	made := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	p := f.token.ProjectID
	node := func(key, uuid, role, address string, status hanok.NodeStatus) hanok.Node {
		n := hanok.Node{
			Key: key, UUID: uuid, ClusterUUID: clusterUUID, ProjectID: p, Role: role, Name: "prod-default-w-" + key,
			FlavorID: f.flavor.ID, ImageID: f.image.ID, PortID: "port-" + key, Address: address, Status: status,
			Version: "v1.30.3", CreatedAt: made, UpdatedAt: made,
		}
		if role == hanok.RoleWorker {
			n.NodeGroupUUID = groupUUID
		}
		return n
	}
	f.ok(f.store.Update(f.Context(), func(tx store.Tx) error {
		err := tx.PutCluster(hanok.Cluster{
			UUID: clusterUUID, Name: "prod", ProjectID: p, UserID: f.token.UserID, Keypair: "mykey", FlavorID: f.flavor.ID,
			FixedNetwork: f.network.ID, FixedSubnet: f.subnet.ID, Status: hanok.CreateComplete, CreatedAt: made, UpdatedAt: made,
		})
		if err != nil {
			return err
		}
		_, err = tx.PutNodeGroup(hanok.NodeGroup{
			UUID: groupUUID, ClusterUUID: clusterUUID, ProjectID: p, Name: hanok.DefaultWorkerGroup, Role: hanok.RoleWorker,
			Keypair: "mykey", Labels: map[string]string{"availability_zone": "kr-pub-a"}, CreatedAt: made, UpdatedAt: made,
		})
		if err != nil {
			return err
		}
		for _, n := range []hanok.Node{
			node("1", firstNode, hanok.RoleWorker, "192.168.0.5", hanok.NodeActive),
			node("2", secondNode, hanok.RoleWorker, "192.168.0.6", hanok.NodeShutoff),
			node("3", "", hanok.RoleWorker, "192.168.0.7", hanok.NodeBuild), // its machine is not made yet
			node("m", memberNode, hanok.RoleMaster, "198.18.0.9", hanok.NodeActive),
		} {
			if err := tx.PutNode(n); err != nil {
				return err
			}
		}
		return nil
	}))
}

// noToken is for requests without one.
var noToken infra.Token

type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// do sends a request with a token ("" for none).
func (f *fixture) do(token infra.Token, method, path, body string) answer {
	f.Helper()
	req, err := http.NewRequestWithContext(f.Context(), method, f.server.URL+path, strings.NewReader(body))
	f.ok(err)
	if token.ID != "" {
		req.Header.Set("X-Auth-Token", token.ID)
	}
	resp, err := http.DefaultClient.Do(req)
	f.ok(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	f.ok(err)
	a := answer{status: resp.StatusCode, header: resp.Header, raw: string(b)}
	if len(b) > 0 {
		if err := json.Unmarshal(b, &a.body); err != nil {
			f.Fatalf("%s %s: %d with the body %q: %v", method, path, a.status, b, err)
		}
	}
	return a
}

// get is do for the admin, and wants a 200.
func (f *fixture) get(path string) answer {
	f.Helper()
	a := f.do(f.token, "GET", path, "")
	if a.status != http.StatusOK {
		f.Fatalf("GET %s: %d %s", path, a.status, a.raw)
	}
	return a
}

// at follows a path of keys and indices, separated by slashes, into a body.
func (a answer) at(path string) any {
	var v any = a.body
	for key := range strings.SplitSeq(path, "/") {
		switch x := v.(type) {
		case map[string]any:
			v = x[key]
		case []any:
			i := int(key[0] - '0')
			if i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// field lists one field of each object of a list, joined by spaces.
func (a answer) field(list, name string) string {
	var values []string
	items, _ := a.at(list).([]any)
	for _, item := range items {
		s, _ := item.(map[string]any)[name].(string)
		values = append(values, s)
	}
	return strings.Join(values, " ")
}
