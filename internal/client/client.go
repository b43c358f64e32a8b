// Package client speaks the public HTTP API: Keystone for a token and the
// catalogue, container-infra for clusters, and the look-ups of Nova, Neutron,
// Glance and Cinder. It knows nothing of the service behind the API.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// Client is a session of one user in one project. It asks for a token when it
// first needs one, and for another when the service says that it has expired.
// All methods may be called at once.
type Client struct {
	opts Options
	http *http.Client

	mu      sync.Mutex
	session *session // nil before the first token
}

// New makes a client. It sends nothing yet.
func New(o Options) (*Client, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.UserAgent == "" {
		o.UserAgent = "hanok"
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.Insecure}
	if o.CACert != "" {
		pem, err := os.ReadFile(o.CACert)
		if err != nil {
			return nil, fmt.Errorf("read OS_CACERT: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("OS_CACERT: %s holds no PEM certificate", o.CACert)
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	sender := http.RoundTripper(transport)
	if o.Wrap != nil {
		sender = o.Wrap(sender)
	}
	return &Client{opts: o, http: &http.Client{Transport: sender}}, nil
}

// maxAnswer bounds what is read of one answer.
const maxAnswer = 64 << 20

// request is one call of the API.
type request struct {
	method, url string
	header      map[string]string
	body        []byte
	upload      io.Reader // instead of body; not repeatable, no time limit
	token       string
}

// send performs a request and gives the answer's body and header. An answer
// of 400 or more is an *Error.
func (c *Client) send(ctx context.Context, r request) ([]byte, http.Header, error) {
	body := r.upload
	if body == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.opts.Timeout)
		defer cancel()
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, body)
	if err != nil {
		return nil, nil, fmt.Errorf("address %q: %w", r.url, err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.opts.UserAgent)
	switch {
	case r.upload != nil:
		req.Header.Set("Content-Type", "application/octet-stream")
	case r.body != nil:
		req.Header.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		req.Header.Set("X-Auth-Token", r.token)
	}
	for k, v := range r.header {
		req.Header.Set(k, v)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, unreachable(r.url, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: read the answer: %w", r.method, r.url, err)
	}
	if resp.StatusCode >= 400 {
		return nil, resp.Header, readError(r.method, r.url, resp, answer)
	}
	return answer, resp.Header, nil
}

// call performs a request on a service of the catalogue with a token, and
// with a fresh token once more where the first was refused.
func (c *Client) call(ctx context.Context, service, method, path string, body []byte) ([]byte, error) {
	for attempt := 0; ; attempt++ {
		s, err := c.login(ctx, attempt > 0)
		if err != nil {
			return nil, err
		}
		base, err := s.endpoint(service)
		if err != nil {
			return nil, err
		}
		r := request{method: method, url: base + path, body: body, token: s.token}
		if service == containerInfra {
			r.header = map[string]string{"OpenStack-API-Version": "container-infra latest"}
		}
		answer, _, err := c.send(ctx, r)
		var e *Error
		if attempt == 0 && errors.As(err, &e) && e.Status == http.StatusUnauthorized && c.opts.Token == "" {
			continue
		}
		return answer, err
	}
}

// get decodes the answer of a GET into out.
func (c *Client) get(ctx context.Context, service, path string, out any) error {
	answer, err := c.call(ctx, service, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	return decode(path, answer, out)
}

func decode(path string, answer []byte, out any) error {
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("the answer to %s is not what this client understands: %w", path, err)
	}
	return nil
}

// unreachable explains a request that had no answer.
func unreachable(url string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) || os.IsTimeout(err) {
		return fmt.Errorf("no answer from %s in time: %w", url, err)
	}
	msg := err.Error()
	switch {
	case strings.Contains(msg, "connection refused"):
		return fmt.Errorf("nothing listens at %s: is the service running (hanok serve)? %w", url, err)
	case strings.Contains(msg, "server gave HTTP response to HTTPS client"):
		return fmt.Errorf("%s speaks clear text: use an http:// address: %w", url, err)
	case strings.Contains(msg, "certificate"):
		return fmt.Errorf("%s shows a certificate that is not trusted: set OS_CACERT to its authority: %w", url, err)
	}
	return fmt.Errorf("%s cannot be reached: %w", url, err)
}
