package serve

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"

	"github.com/hanok/hanok/api/apitest"
)

// needsNodes are operations that end well only where machines answer; the
// tests of container-infra's handlers and the end-to-end tests exercise them.
var needsNodes = map[string]bool{"PUT /v1/clusters/{cluster}/images": true}

// TestEveryOperationWorks sends a good request for every operation of the
// document, and OPTIONS and HEAD for its path. It ends well, or it is 501 and
// may be.
func TestEveryOperationWorks(t *testing.T) {
	t.Parallel()
	r := newAPIRig(t)
	atRest := r.target()
	for _, op := range apitest.Operations() {
		goal := atRest
		if changes(op) {
			goal = r.target()
		}
		path := goal.path(r, op)
		if op.OperationID == "deleteNodeGroup" { // the last group of a cluster cannot go
			r.must(r.call(r.admin, "POST", "/v1/clusters/"+goal.uuid+"/nodegroups", goal.bodies["POST /v1/clusters/{cluster}/nodegroups"]), 202)
		}
		if a := r.call(r.admin, http.MethodOptions, path, ""); a.status != http.StatusNoContent || !strings.Contains(a.header.Get("Allow"), op.Method) {
			if !op.Deprecated {
				t.Errorf("OPTIONS %s: %d, Allow %q; want 204 and %s in it", path, a.status, a.header.Get("Allow"), op.Method)
			}
		}
		headers := []string{"X-Subject-Token", r.login("reader", rigPassword, "demo").ID}
		a := r.call(r.admin, op.Method, path, goal.body(op), headers...)
		switch {
		case a.status >= 200 && a.status < 400:
			if op.MayBeNotBuilt() {
				t.Errorf("%s is built (%d): take the 501 out of openapi.yaml", op.Name(), a.status)
			}
		case a.status == http.StatusNotImplemented && op.MayBeNotBuilt():
		case !op.Succeeds() && a.status >= 400 && a.status < 500:
		case needsNodes[op.Name()] && a.status >= 400 && a.status < 500:
		default:
			t.Errorf("%s: %d %s", op.Name(), a.status, a.raw)
		}
		if op.OperationID == "deleteQuota" { // the default is too small for this test
			r.setQuota()
		}
		if op.Method == http.MethodGet {
			head := r.call(r.admin, http.MethodHead, path, "", headers...)
			if head.status != a.status || head.raw != "" {
				t.Errorf("HEAD %s: %d, GET is %d", path, head.status, a.status)
			}
		}
		if strings.HasPrefix(op.Path, "/v1/") {
			for _, h := range []string{"OpenStack-API-Version", "OpenStack-API-Minimum-Version", "OpenStack-API-Maximum-Version", "Vary"} {
				if a.header.Get(h) == "" {
					t.Errorf("%s: the header %s is missing", op.Name(), h)
				}
			}
		}
	}
}

// TestClientsSpellPathsManyWays: with and without a slash, by name and by
// UUID in either case, with and without the project.
func TestClientsSpellPathsManyWays(t *testing.T) {
	t.Parallel()
	r := newAPIRig(t)
	c := r.cluster()
	project := r.admin.ProjectID
	for _, path := range []string{
		"/v1/clusters/", "/v1/clusters/?limit=1", "/v1/clusters/" + c.uuid + "/", "/v1/clusters/c1", "/v1/clusters/c1/nodegroups/",
		"/v1/clusters/" + strings.ToUpper(c.uuid), "/v1/clusters/c1/nodegroups/default-worker/", "/v1/clusters/c1/nodegroups/" + strings.ToUpper(c.group),
		"/v1/", "/v1/supports/", "/v1/certificates/c1/", "/v1/clustertemplates/", "/identity/v3/", "/identity/v2.0/",
		"/compute/v2/flavors/", "/compute/v2/" + project + "/flavors/detail/", "/compute/v2.1/" + project + "/", "/volume/v2/" + project + "/types",
		"/network/v2.0/networks/?router:external=True", "/network/v2.0/", "/image/v2/images/?nhncloud_product=container&visibility=public",
	} {
		if a := r.call(r.admin, "GET", path, ""); a.status != 200 {
			t.Errorf("%s: %d %s", path, a.status, a.raw)
		}
	}
}

// clientCSR is a good request for a client certificate.
func clientCSR(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "alice"}}, key)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}
