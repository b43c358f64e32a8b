// Package hanok is the vocabulary of the service: clusters, node groups,
// nodes, events, and the rules of the API guides. It does no input or output,
// so every rule here is a table-driven test.
//
// The API is the one of NHN Kubernetes Service (API v2), a descendant of
// OpenStack Magnum's container-infra v1; "the guide" in comments is its newer
// public edition.
package hanok
