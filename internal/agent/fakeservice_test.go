package agent

import (
	"crypto/x509/pkix"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

func (s *testService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fail := func(status int, text string) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(machine.ErrorResponse{Error: text})
	}
	if r.URL.Path == machine.PathBootstrap {
		s.bootstrap(w, r, fail)
		return
	}
	if len(r.TLS.PeerCertificates) == 0 || r.TLS.PeerCertificates[0].Subject.CommonName != testKey {
		fail(http.StatusUnauthorized, "who are you?")
		return
	}
	switch {
	case r.URL.Path == machine.PathState:
		s.pollState(w, r)
	case r.URL.Path == machine.PathReport:
		var rep machine.Report
		_ = json.NewDecoder(r.Body).Decode(&rep)
		s.mu.Lock()
		s.report = rep
		s.reports++
		s.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	case r.URL.Path == machine.PathCertificate:
		var req machine.CertificateRequest
		_ = json.NewDecoder(r.Body).Decode(&req)
		s.mu.Lock()
		defer s.mu.Unlock()
		resp := machine.CertificateResponse{Certificates: make(map[string][]byte)}
		for _, c := range req.CSRs {
			s.issued[c.Name]++
			resp.Certificates[c.Name], _ = s.signRequest(c.CSR, pkix.Name{CommonName: c.Name}, s.life)
		}
		_ = json.NewEncoder(w).Encode(resp)
	case strings.HasPrefix(r.URL.Path, machine.PathBlob):
		s.mu.Lock()
		content, ok := s.blobs[strings.TrimPrefix(r.URL.Path, machine.PathBlob)]
		cut := s.cutBlob
		s.cutBlob = 0
		s.mu.Unlock()
		if !ok {
			fail(http.StatusNotFound, "no such blob")
			return
		}
		if cut > 0 {
			w.Header().Set("Content-Length", "1000000")
			_, _ = w.Write(content[:cut])
			panic(http.ErrAbortHandler)
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(content)))
	default:
		fail(http.StatusNotFound, "no such path")
	}
}

func (s *testService) bootstrap(w http.ResponseWriter, r *http.Request, fail func(int, string)) {
	var req machine.BootstrapRequest
	_ = json.NewDecoder(r.Body).Decode(&req)
	cert, pub := s.signRequest(req.CSR, pkix.Name{CommonName: req.MachineKey}, time.Hour)
	s.mu.Lock()
	s.bootstraps++
	if req.Token != testToken || (s.bound != nil && string(s.bound) != string(pub)) {
		s.mu.Unlock()
		fail(http.StatusUnauthorized, "refused")
		return
	}
	s.bound = pub
	lose := s.losing > 0
	if lose {
		s.losing--
	}
	s.mu.Unlock()
	if lose {
		panic(http.ErrAbortHandler) // acted, but the answer is lost
	}
	_ = json.NewEncoder(w).Encode(machine.BootstrapResponse{Certificate: cert})
}

func (s *testService) pollState(w http.ResponseWriter, r *http.Request) {
	wait, _ := time.ParseDuration(r.URL.Query().Get("wait"))
	timeout := time.After(wait)
	for {
		s.mu.Lock()
		state, next := s.state, s.changed
		s.mu.Unlock()
		if state.Version != "" && state.Version != r.URL.Query().Get("version") {
			_ = json.NewEncoder(w).Encode(state)
			return
		}
		select {
		case <-next:
		case <-timeout:
			w.WriteHeader(http.StatusNoContent)
			return
		case <-r.Context().Done():
			return
		}
	}
}
