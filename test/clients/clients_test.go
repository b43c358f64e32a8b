// Package clients tries hanok with the clients that its users have already:
// gophercloud in both its generations, and the openstack command. It needs
// root, the bundle and the root tree (make test sees to them).
package clients

import (
	"testing"

	"github.com/hanok/hanok/test/harness"
)

// Where Keystone's two versions are.
const (
	pathV2 = "/identity/v2.0"
	pathV3 = "/identity/v3"
)

// domainOf is the domain that a user of a version of Keystone's API is named
// with: v2.0 knows none.
func domainOf(authPath string) string {
	if authPath == pathV3 {
		return "Default"
	}
	return ""
}

// sharedName is the name of the cluster that all clients look at.
const sharedName = "shared"

// One service and one cluster serve all clients, at the same time.
func TestClients(t *testing.T) {
	t.Parallel()
	s := harness.StartService(t)
	maker := newGopher2(t, s, pathV3)
	shared, err := maker.create(request(s, sharedName, labels(s)))
	if err != nil {
		t.Fatal(err)
	}
	awaitCluster(t, maker, shared)
	t.Run("with", func(t *testing.T) {
		for name, api := range map[string]containerInfra{
			"gophercloud v1 by a v2.0 token": newGopher1(t, s, pathV2),
			"gophercloud v1 by a v3 token":   newGopher1(t, s, pathV3),
			"gophercloud v2 by a v2.0 token": newGopher2(t, s, pathV2),
			"gophercloud v2 by a v3 token":   maker,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				testContainerInfra(t, s, api, shared)
			})
		}
		t.Run("openstack", func(t *testing.T) {
			t.Parallel()
			testOpenStack(t, s)
		})
	})
	// One after another: each changes what the other looks at.
	t.Run("changes by gophercloud v1", func(t *testing.T) { testChanges(t, s, newGopher1(t, s, pathV2), shared, true) })
	t.Run("changes by gophercloud v2", func(t *testing.T) { testChanges(t, s, maker, shared, false) })
}
