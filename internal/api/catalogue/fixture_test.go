package catalogue

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/api/apitest"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/embedded/embeddedtest"
	"github.com/hanok/hanok/internal/store"
)

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
	embeddedtest.Choice
	server *httptest.Server
	store  store.Store
	token  infra.Token // admin's
	eve    infra.Token
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	c := embeddedtest.New(t)
	f := &fixture{T: t, store: c.Store, token: c.Admin, eve: c.AddUser("eve", "other", infra.RoleReader), Choice: c.Choose()}
	f.addCluster()

	mux := http.NewServeMux()
	for prefix, h := range New(Config{Catalogue: c.Catalogue, Identity: c.Identity, Store: c.Store}) {
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

func (f *fixture) addCluster() {
	f.Helper()
	made := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	p := f.token.ProjectID
	node := func(key, uuid, role, address string, status hanok.NodeStatus) hanok.Node {
		n := hanok.Node{
			Key: key, UUID: uuid, ClusterUUID: clusterUUID, ProjectID: p, Role: role, Name: "prod-default-w-" + key,
			FlavorID: f.Flavor.ID, ImageID: f.Image.ID, PortID: "port-" + key, Address: address, Status: status,
			Version: "v1.30.3", CreatedAt: made, UpdatedAt: made,
		}
		if role == hanok.RoleWorker {
			n.NodeGroupUUID = groupUUID
		}
		return n
	}
	f.ok(f.store.Update(f.Context(), func(tx store.Tx) error {
		err := tx.PutCluster(hanok.Cluster{
			UUID: clusterUUID, Name: "prod", ProjectID: p, UserID: f.token.UserID, Keypair: "mykey", FlavorID: f.Flavor.ID,
			FixedNetwork: f.Network.ID, FixedSubnet: f.Subnet.ID, Status: hanok.CreateComplete, CreatedAt: made, UpdatedAt: made,
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

// do sends a request with a token.
func (f *fixture) do(token infra.Token, method, path, body string) answer {
	f.Helper()
	var headers []string
	if token.ID != "" {
		headers = []string{"X-Auth-Token", token.ID}
	}
	return answer{apitest.Ask(f, method, f.server.URL+path, body, headers...)}
}

// get is do for the admin, and wants a 200.
func (f *fixture) get(path string) answer {
	f.Helper()
	a := f.do(f.token, "GET", path, "")
	if a.Status != http.StatusOK {
		f.Fatalf("GET %s: %d %s", path, a.Status, a.Raw)
	}
	return a
}

type answer struct{ apitest.Answer }

// field lists one field of each object of a list, joined by spaces.
func (a answer) field(list, name string) string {
	var values []string
	items, _ := a.At(list).([]any)
	for _, item := range items {
		s, _ := item.(map[string]any)[name].(string)
		values = append(values, s)
	}
	return strings.Join(values, " ")
}
