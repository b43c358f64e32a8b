package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/hanok/hanok/internal/machine"
)

// A probe is repeated quickly while an answer is likely soon, then less often.
const (
	probePause    = 20 * time.Millisecond
	probeQuickly  = 15 * time.Second
	probeMaxPause = time.Second
	probeTimeout  = 3 * time.Second
)

// probe asks until the answer is yes; ctx's error when it ends first.
func (a *agent) probe(ctx context.Context, p machine.Probe) error {
	began, pause := time.Now(), probePause
	var asker asker
	defer asker.close()
	for {
		if err := asker.ask(ctx, a, p); err == nil {
			return nil
		}
		if time.Since(began) > probeQuickly {
			pause = min(pause*5/4, probeMaxPause)
		}
		if !sleep(ctx, pause) {
			return ctx.Err()
		}
	}
}

// asker keeps a connection between the questions of one probe.
type asker struct {
	client *http.Client
}

func (k *asker) close() {
	if k.client != nil {
		k.client.CloseIdleConnections()
	}
}

// ask probes once.
func (k *asker) ask(ctx context.Context, a *agent, p machine.Probe) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	switch {
	case p.URL != "":
		return k.get(ctx, a, p)
	case p.TCP != "":
		return dial(ctx, "tcp", p.TCP)
	case p.Unix != "":
		return dial(ctx, "unix", a.path(p.Unix))
	case p.File != "":
		_, err := os.Stat(a.path(p.File))
		return err
	}
	return errors.New("the probe names nothing to ask")
}

func dial(ctx context.Context, network, address string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	return conn.Close()
}

func (k *asker) get(ctx context.Context, a *agent, p machine.Probe) error {
	if k.client == nil {
		conf, err := a.probeTLS(p)
		if err != nil {
			return err // a file that is still missing, perhaps
		}
		k.client = httpClient(conf)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL, nil)
	if err != nil {
		return err
	}
	resp, err := k.client.Do(req)
	if err != nil {
		return err
	}
	defer drain(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", p.URL, resp.Status)
	}
	return nil
}

func (a *agent) probeTLS(p machine.Probe) (*tls.Config, error) {
	return a.clientTLS(p.CAPath, p.CertPath, p.KeyPath)
}

// clientTLS makes a configuration from files of the machine; each path may be
// empty.
func (a *agent) clientTLS(ca, cert, key string) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pem, err := os.ReadFile(a.path(ca))
		if err != nil {
			return nil, err
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", ca)
		}
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(a.path(cert), a.path(key))
		if err != nil {
			return nil, err
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

// httpClient gives a small client that follows no redirect and no proxy.
func httpClient(conf *tls.Config) *http.Client {
	dialer := &net.Dialer{Timeout: probeTimeout, KeepAlive: 15 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:         dialer.DialContext,
			TLSClientConfig:     conf,
			TLSHandshakeTimeout: probeTimeout,
			IdleConnTimeout:     time.Minute,
			MaxIdleConnsPerHost: 1,
			DisableCompression:  true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
