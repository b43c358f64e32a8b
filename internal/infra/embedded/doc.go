// Package embedded is hanok's own identity service and catalogue, for
// installations that have no OpenStack: users, projects and tokens, flavors,
// images, networks, key pairs, zones and volume types, kept in the store.
//
// Identity implements infra.Identity, Catalogue implements infra.Catalogue,
// and Seed fills an empty store. The methods that change users, projects,
// flavors, networks and subnets are for the operator; they check what they
// are given but not who calls.
package embedded
