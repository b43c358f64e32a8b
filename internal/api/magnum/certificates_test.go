package magnum

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

	"github.com/hanok/hanok"
)

func signingRequest(t *testing.T, subject pkix.Name) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject}, key)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

func TestSignCertificate(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cl, _ := c.put(c.admin.ProjectID, "k8s")
	csr := signingRequest(t, pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}})
	for _, id := range []string{cl.UUID, "k8s"} {
		a := c.call(c.admin, http.MethodPost, "/v1/certificates", map[string]string{"cluster_uuid": id, "csr": csr})
		if a.Code != 201 || a.body["cluster_uuid"] != cl.UUID || a.body["bay_uuid"] != cl.UUID || a.body["csr"] != csr {
			t.Fatalf("%d %s", a.Code, a.Body)
		}
		block, _ := pem.Decode([]byte(a.body["pem"].(string)))
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil || cert.Subject.CommonName != "admin" {
			t.Errorf("signed %v, %v", cert, err)
		}
	}
	c.engine.fail = hanok.Errorf(hanok.KindConflict, "it is being deleted")
	if a := c.call(c.admin, http.MethodPost, "/v1/certificates", map[string]string{"cluster_uuid": "k8s", "csr": csr}); a.Code != 409 {
		t.Errorf("while deleting: %d %s", a.Code, a.Body)
	}
}

func TestSignCertificateRefuses(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.put(c.admin.ProjectID, "k8s")
	good := signingRequest(t, pkix.Name{CommonName: "alice"})
	node := signingRequest(t, pkix.Name{CommonName: "system:node:a", Organization: []string{"system:nodes"}})
	for _, tt := range []struct {
		name, cluster, csr string
		reader, other      bool
		want               int
		says               string
	}{
		{name: "a reader", cluster: "k8s", csr: good, reader: true, want: 403},
		{name: "another project", cluster: "k8s", csr: good, other: true, want: 404},
		{name: "no such cluster", cluster: "nothing", csr: good, want: 404, says: "nothing"},
		{name: "a node", cluster: "k8s", csr: node, want: 400, says: "csr:"},
		{name: "no request", cluster: "k8s", csr: "hello", want: 400, says: "csr:"},
		{name: "nothing", cluster: "k8s", want: 400, says: "csr:"},
	} {
		who := c.admin
		switch {
		case tt.reader:
			who = c.reader
		case tt.other:
			who = c.other
		}
		a := c.call(who, http.MethodPost, "/v1/certificates", map[string]string{"cluster_uuid": tt.cluster, "csr": tt.csr})
		if a.Code != tt.want || !strings.Contains(a.detail(), tt.says) {
			t.Errorf("%s: %d %s, want %d with %q", tt.name, a.Code, a.Body, tt.want, tt.says)
		}
	}
}
