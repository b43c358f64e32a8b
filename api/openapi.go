// Package api holds the description of hanok's HTTP API, hand-written. The
// tests of the handlers check every answer against it (apitest).
package api

import (
	_ "embed" // the document
)

// Document is the OpenAPI document, YAML. It must not be changed.
//
//go:embed openapi.yaml
var Document []byte
