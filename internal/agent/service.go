package agent

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

const (
	requestTimeout = 15 * time.Second
	pollWait       = 30 * time.Second
	maxStateSize   = 32 << 20 // bytes
)

// service speaks with hanok's service. Safe for use by many goroutines.
type service struct {
	base    string
	trusted *x509.CertPool
	client  atomic.Pointer[http.Client]
	cert    atomic.Pointer[tls.Certificate] // nil until the machine is known
}

// refusal is an answer of the service that is not a success.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("the service answers %d: %s", r.status, r.message)
}

func newService(cfg machine.Config) (*service, error) {
	base, err := url.Parse(cfg.ServiceURL)
	if err != nil || base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("service_url %q is no https URL", cfg.ServiceURL)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(cfg.ServiceCA) {
		return nil, errors.New("service_ca holds no certificate in PEM")
	}
	s := &service{base: strings.TrimSuffix(base.String(), "/"), trusted: pool}
	s.client.Store(s.connect(nil))
	return s, nil
}

// connect gives a client whose connections show cert; nil shows none.
func (s *service) connect(cert *tls.Certificate) *http.Client {
	if cert == nil {
		cert = &tls.Certificate{}
	}
	dialer := &net.Dialer{Timeout: 3 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Client{Transport: &http.Transport{
		DialContext: dialer.DialContext,
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS13,
			RootCAs:    s.trusted,
			ServerName: machine.ServerName,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				return cert, nil
			},
		},
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     time.Minute,
		MaxIdleConnsPerHost: 2,
		DisableCompression:  true,
	}}
}

// use shows cert to the service from now on. A connection that is in use at
// this moment, without it, is not used again.
func (s *service) use(cert *tls.Certificate) {
	s.cert.Store(cert)
	s.client.Swap(s.connect(cert)).CloseIdleConnections()
}

// state asks for a state other than version and waits for one; false when
// there is none yet.
func (s *service) state(ctx context.Context, version string) (machine.State, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, pollWait+requestTimeout)
	defer cancel()
	query := url.Values{"version": {version}, "wait": {pollWait.String()}}
	resp, err := s.do(ctx, http.MethodGet, machine.PathState+"?"+query.Encode(), nil)
	if err != nil {
		return machine.State{}, false, err
	}
	defer drain(resp.Body)
	if resp.StatusCode == http.StatusNoContent {
		return machine.State{}, false, nil
	}
	var state machine.State
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxStateSize)).Decode(&state); err != nil {
		return machine.State{}, false, fmt.Errorf("the state from the service: %w", err)
	}
	if state.Version == "" {
		return machine.State{}, false, errors.New("the state from the service has no version")
	}
	return state, true, nil
}

// post sends in as JSON and reads the answer into out, unless that is nil.
func (s *service) post(ctx context.Context, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	resp, err := s.do(ctx, http.MethodPost, path, body)
	if err != nil {
		return err
	}
	defer drain(resp.Body)
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxStateSize)).Decode(out); err != nil {
		return fmt.Errorf("the service's answer to %s: %w", path, err)
	}
	return nil
}

// blob opens content of the service from an offset on. Partial tells whether
// the service kept to the offset; otherwise the content comes whole.
func (s *service) blob(ctx context.Context, digest string, offset int64) (content io.ReadCloser, partial bool, err error) {
	header := make(http.Header)
	if offset > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	resp, err := s.send(ctx, http.MethodGet, machine.PathBlob+digest, nil, header)
	if err != nil {
		return nil, false, err
	}
	return resp.Body, resp.StatusCode == http.StatusPartialContent, nil
}

func (s *service) do(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	return s.send(ctx, method, path, body, make(http.Header))
}

// send makes one request; what is not a success is a *refusal.
func (s *service) send(ctx context.Context, method, path string, body []byte, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = header
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.client.Load().Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer drain(resp.Body)
	var answer machine.ErrorResponse
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if json.Unmarshal(text, &answer) != nil || answer.Error == "" {
		answer.Error = strings.TrimSpace(string(text))
	}
	return nil, &refusal{status: resp.StatusCode, message: answer.Error}
}

// drain reads the rest of a small answer, so that its connection can be used
// again, and closes it.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 4<<10)
	body.Close()
}
