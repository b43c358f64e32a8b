package serve

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// listen opens the API's listener, with TLS when there is a certificate.
func (c *Config) listen() (net.Listener, error) {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w; another --listen avoids it", c.Listen, err)
	}
	if c.TLSCert == "" {
		return l, nil
	}
	cert := &certificate{certFile: c.TLSCert, keyFile: c.TLSKey}
	if _, err := cert.get(); err != nil {
		l.Close()
		return nil, err
	}
	return tls.NewListener(l, &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert.get() },
	}), nil
}

// certificate is a key pair on disk that may be renewed under the service.
type certificate struct {
	certFile, keyFile string

	mu       sync.Mutex
	looked   time.Time
	modified time.Time
	pair     *tls.Certificate
}

// certificateAge is how long a renewed file may go unnoticed.
const certificateAge = 10 * time.Second

// get gives the pair, read again after its file has changed. A pair that
// cannot be read any more leaves the one before in use.
func (c *certificate) get() (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pair != nil && time.Since(c.looked) < certificateAge {
		return c.pair, nil
	}
	c.looked = time.Now()
	info, err := os.Stat(c.certFile)
	if err == nil && c.pair != nil && info.ModTime().Equal(c.modified) {
		return c.pair, nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		if c.pair != nil {
			return c.pair, nil
		}
		return nil, fmt.Errorf("tls-cert, tls-key: %w", err)
	}
	c.pair = &pair
	if info != nil {
		c.modified = info.ModTime()
	}
	return c.pair, nil
}
