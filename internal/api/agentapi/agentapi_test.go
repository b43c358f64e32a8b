package agentapi

import (
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"

	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/internal/store"
)

const testCluster = "5a2b9c1e-0000-4000-8000-000000000001"

var blobContent = []byte(strings.Repeat("content ", 1000))

func TestWithoutCertificate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(nil)
	for _, path := range []string{machine.PathState, machine.PathReport, machine.PathCertificate, machine.PathBlob + digestOf(blobContent)} {
		method := http.MethodGet
		if path == machine.PathReport || path == machine.PathCertificate {
			method = http.MethodPost
		}
		if got := do(t, c, method, r.url+path, "{}"); got.status != http.StatusUnauthorized || !strings.Contains(got.body, "certificate") {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

func TestForeignCertificateIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := newKey(t)
	block, _ := pem.Decode(selfSigned("node-1", key.Public(), key))
	c := r.client(&tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key})
	if got := do(t, c, http.MethodGet, r.url+machine.PathState, ""); got.err == nil {
		t.Errorf("a certificate of nobody's opened the state: %+v", got)
	}
}

func TestAMachineSeesItselfAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.set("node-1", machine.State{Hostname: "one", Certificates: []machine.Certificate{{Name: "mine"}}})
	r.set("node-2", machine.State{Hostname: "two"})
	one, two := r.letIn(t, "node-1"), r.letIn(t, "node-2")
	for client, want := range map[*http.Client]string{one: `"hostname":"one"`, two: `"hostname":"two"`} {
		if got := do(t, client, http.MethodGet, r.url+machine.PathState, ""); got.status != http.StatusOK || !strings.Contains(got.body, want) {
			t.Errorf("%+v, want %s", got, want)
		}
	}
	csr, _ := json.Marshal(machine.CertificateRequest{CSRs: []machine.NamedCSR{{Name: "mine", CSR: request(t, newKey(t))}}})
	if got := do(t, one, http.MethodPost, r.url+machine.PathCertificate, string(csr)); got.status != http.StatusOK {
		t.Errorf("%+v", got)
	}
	if got := do(t, two, http.MethodPost, r.url+machine.PathCertificate, string(csr)); got.status != http.StatusForbidden {
		t.Errorf("another machine's certificate: %+v", got)
	}
	if got := do(t, one, http.MethodPost, r.url+machine.PathReport, `{"state_version":"v","ready":true}`); got.status != http.StatusNoContent {
		t.Errorf("%+v", got)
	}
	if rep, _, ok := r.fleet.Report("node-1"); !ok || rep.StateVersion != "v" {
		t.Errorf("%+v, %v", rep, ok)
	}
	if _, _, ok := r.fleet.Report("node-2"); ok {
		t.Error("one machine reported for another")
	}
	r.update(t, func(tx store.Tx) error { return tx.DeleteNode("node-1") })
	if got := do(t, one, http.MethodGet, r.url+machine.PathState, ""); got.status != http.StatusUnauthorized {
		t.Errorf("a deleted node: %+v", got)
	}
}

func TestTokenOfAnotherKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.letIn(t, "node-1")
	body, _ := json.Marshal(machine.BootstrapRequest{MachineKey: "node-1", Token: r.token(t, "node-1"), CSR: request(t, newKey(t))})
	got := do(t, r.client(nil), http.MethodPost, r.url+machine.PathBootstrap, string(body))
	if got.status != http.StatusUnauthorized || strings.Contains(got.body, r.token(t, "node-1")) {
		t.Errorf("%+v", got)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	state := r.set("node-1", machine.State{Hostname: "one"})
	c := r.letIn(t, "node-1")
	tests := []struct {
		name, method, path, body string
		want                     int
	}{
		{"broken JSON", "POST", machine.PathReport, "{", 400},
		{"more than JSON", "POST", machine.PathReport, "{}{}", 400},
		{"wrong type", "POST", machine.PathReport, `{"ready":"yes"}`, 400},
		{"too large", "POST", machine.PathReport, `{"error":"` + strings.Repeat("x", maxReport) + `"}`, 413},
		{"too large, without a certificate's need", "POST", machine.PathBootstrap, `{"token":"` + strings.Repeat("x", maxRequest) + `"}`, 413},
		{"wait of nonsense", "GET", machine.PathState + "?wait=long", "", 400},
		{"negative wait", "GET", machine.PathState + "?wait=-1s", "", 400},
		{"unchanged", "GET", machine.PathState + "?wait=1ms&version=" + state.Version, "", 204},
		{"unknown path", "GET", "/agent/v1/secrets", "", 404},
		{"wrong method", "DELETE", machine.PathState, "", 404},
		{"blob by path", "GET", machine.PathBlob + "..%2Fstore.key", "", 400},
		{"unknown blob", "GET", machine.PathBlob + strings.Repeat("0", 64), "", 404},
	}
	for _, tt := range tests {
		got := do(t, c, tt.method, r.url+tt.path, tt.body)
		var e machine.ErrorResponse
		if got.status != tt.want || (tt.want >= 400 && (json.Unmarshal([]byte(got.body), &e) != nil || e.Error == "")) {
			t.Errorf("%s: %d %.200s %v, want %d with a reason", tt.name, got.status, got.body, got.err, tt.want)
		}
	}
}

func TestBlobRanges(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.letIn(t, "node-1")
	url := r.url + machine.PathBlob + digestOf(blobContent)
	if got := do(t, c, http.MethodGet, url, ""); got.status != http.StatusOK || got.body != string(blobContent) {
		t.Errorf("whole: %d, %d bytes", got.status, len(got.body))
	}
	if got := do(t, c, http.MethodGet, url, "", "Range", "bytes=7000-"); got.status != http.StatusPartialContent || got.body != string(blobContent[7000:]) {
		t.Errorf("rest: %d, %d bytes", got.status, len(got.body))
	}
}
