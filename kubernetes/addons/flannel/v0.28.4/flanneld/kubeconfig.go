package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// kubeconfig holds the parts of a kubeconfig file that reaching one cluster
// with one identity takes.
type kubeconfig struct {
	CurrentContext string `json:"current-context"`
	Clusters       []struct {
		Name    string `json:"name"`
		Cluster struct {
			Server   string `json:"server"`
			CAFile   string `json:"certificate-authority"`
			CAData   string `json:"certificate-authority-data"`
			Insecure bool   `json:"insecure-skip-tls-verify"`
			TLSName  string `json:"tls-server-name"`
		} `json:"cluster"`
	} `json:"clusters"`
	Contexts []struct {
		Name    string `json:"name"`
		Context struct {
			Cluster string `json:"cluster"`
			User    string `json:"user"`
		} `json:"context"`
	} `json:"contexts"`
	Users []struct {
		Name string `json:"name"`
		User struct {
			CertFile  string `json:"client-certificate"`
			CertData  string `json:"client-certificate-data"`
			KeyFile   string `json:"client-key"`
			KeyData   string `json:"client-key-data"`
			Token     string `json:"token"`
			TokenFile string `json:"tokenFile"`
		} `json:"user"`
	} `json:"users"`
}

// newAPIClient reads the kubeconfig file's current context. Certificate and
// token files are read again for every connection and request, so a renewed
// one is used without a restart.
func newAPIClient(path string) (*apiClient, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var c kubeconfig
	if err := yaml.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("%s is not a kubeconfig: %w", path, err)
	}
	var clusterName, userName string
	for _, x := range c.Contexts {
		if x.Name == c.CurrentContext {
			clusterName, userName = x.Context.Cluster, x.Context.User
		}
	}
	if clusterName == "" {
		return nil, fmt.Errorf("%s: the current context %q names no cluster", path, c.CurrentContext)
	}
	dir := filepath.Dir(path)
	abs := func(p string) string {
		if p == "" || filepath.IsAbs(p) {
			return p
		}
		return filepath.Join(dir, p)
	}

	client := &apiClient{}
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	for _, x := range c.Clusters {
		if x.Name != clusterName {
			continue
		}
		client.server = strings.TrimSuffix(x.Cluster.Server, "/")
		tlsConfig.InsecureSkipVerify = x.Cluster.Insecure
		tlsConfig.ServerName = x.Cluster.TLSName
		ca, err := inlineOrFile(x.Cluster.CAData, abs(x.Cluster.CAFile))
		if err != nil {
			return nil, fmt.Errorf("%s: the cluster's CA: %w", path, err)
		}
		if len(ca) > 0 {
			tlsConfig.RootCAs = x509.NewCertPool()
			if !tlsConfig.RootCAs.AppendCertsFromPEM(ca) {
				return nil, fmt.Errorf("%s: the cluster's CA holds no PEM certificate", path)
			}
		}
	}
	if client.server == "" {
		return nil, fmt.Errorf("%s: cluster %q has no server address", path, clusterName)
	}
	for _, x := range c.Users {
		if x.Name != userName {
			continue
		}
		u := x.User
		if u.CertData != "" || u.CertFile != "" {
			tlsConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				cert, err := inlineOrFile(u.CertData, abs(u.CertFile))
				if err != nil {
					return nil, err
				}
				key, err := inlineOrFile(u.KeyData, abs(u.KeyFile))
				if err != nil {
					return nil, err
				}
				pair, err := tls.X509KeyPair(cert, key)
				return &pair, err
			}
		}
		client.token = func() (string, error) {
			if u.TokenFile == "" {
				return u.Token, nil
			}
			b, err := os.ReadFile(abs(u.TokenFile))
			return strings.TrimSpace(string(b)), err
		}
	}
	if client.token == nil {
		return nil, fmt.Errorf("%s: there is no user %q", path, userName)
	}
	client.http = &http.Client{Transport: &http.Transport{
		TLSClientConfig:   tlsConfig,
		ForceAttemptHTTP2: true,
		// A watch may be silent for minutes: only a ping tells a quiet
		// connection from a dead one.
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 20 * time.Second, PingTimeout: 10 * time.Second},
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConns:        2,
	}}
	return client, nil
}

// inlineOrFile returns the base64 text decoded, or the file's content where
// there is no text; both empty is no content and no error.
func inlineOrFile(data, path string) ([]byte, error) {
	switch {
	case data != "":
		b, err := base64.StdEncoding.DecodeString(data)
		if err != nil {
			return nil, errors.New("the inline data is not base64")
		}
		return b, nil
	case path != "":
		return os.ReadFile(path)
	}
	return nil, nil
}
