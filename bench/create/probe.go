package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hanok/hanok/internal/kube"
	"github.com/hanok/hanok/internal/machine"
)

const pollInterval = 20 * time.Millisecond

func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(pollInterval):
	}
}

// poll asks until ask says nil; after the time-out, or when ctx ends, its last
// error is the answer.
func poll(ctx context.Context, within time.Duration, what string, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		pause(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("waited for: %s: %w (%w)", what, err, ctx.Err())
		}
	}
}

// waitFor polls until the probe answers, as the machine agent does.
func waitFor(ctx context.Context, p *machine.Probe) {
	client := &http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
	conf := &tls.Config{}
	if p.CAPath != "" {
		conf.RootCAs = x509.NewCertPool()
		if pem, err := os.ReadFile(p.CAPath); err == nil {
			conf.RootCAs.AppendCertsFromPEM(pem)
		}
	}
	if p.CertPath != "" {
		if pair, err := tls.LoadX509KeyPair(p.CertPath, p.KeyPath); err == nil {
			conf.Certificates = []tls.Certificate{pair}
		}
	}
	client.Transport = &http.Transport{TLSClientConfig: conf}
	for ctx.Err() == nil && !answers(client, p) {
		pause(ctx)
	}
}

func answers(client *http.Client, p *machine.Probe) bool {
	switch {
	case p.URL != "":
		res, err := client.Get(p.URL)
		if err != nil {
			return false
		}
		_, _ = io.Copy(io.Discard, res.Body) // or the connection is not used again
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	case p.TCP != "":
		return connects("tcp", p.TCP)
	case p.Unix != "":
		return connects("unix", p.Unix)
	}
	_, err := os.Stat(p.File)
	return err == nil
}

func connects(network, address string) bool {
	conn, err := net.DialTimeout(network, address, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

func dialTCP(address string) kube.Dial {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", address)
	}
}

// restrictedOOM tells whether CAP_SYS_RESOURCE is missing here.
func restrictedOOM() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return true
	}
	return data[0].Effective&(1<<unix.CAP_SYS_RESOURCE) == 0
}
