// Mozilla's root certificates as one PEM file.
module github.com/hanok/hanok/kubernetes/addons/ca-certificates

go 1.26.0

require golang.org/x/crypto/x509roots/fallback v0.0.0-20261030153154-30a33513ff6d
