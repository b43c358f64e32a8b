package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hanok/hanok/internal/kube"
	"github.com/hanok/hanok/internal/machine"
)

// layOut writes a state's files and certificates, and sets its sysctls.
func layOut(s machine.State, secrets map[string][]byte) error {
	for name, value := range s.Sysctls {
		path := filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/"))
		if err := os.WriteFile(path, []byte(value), 0o644); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, f := range s.Files {
		if err := writeFile(f.Path, f.Content, os.FileMode(f.Mode)); err != nil {
			return err
		}
	}
	for _, c := range s.Certificates {
		cert, key := kube.SecretCACert, kube.SecretCAKey
		if c.CA == machine.CAFrontProxy {
			cert, key = kube.SecretFrontProxyCert, kube.SecretFrontProxyKey
		}
		ca, err := kube.LoadAuthority(secrets[cert], secrets[key])
		if err != nil {
			return err
		}
		if err := issue(ca, c); err != nil {
			return err
		}
	}
	return nil
}

func issue(ca *kube.Authority, c machine.Certificate) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return err
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return err
	}
	cert, err := ca.Sign(c, csr, time.Now())
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		writeFile(c.CertPath, cert, 0o644),
		writeFile(c.KeyPath, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
}

// leaveRootCgroup moves this process, the machine's only one, to a child
// group where cgroups are of version 2: kubelet needs the root without any.
func leaveRootCgroup(root string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(root, &st); err != nil || st.Type != unix.CGROUP2_SUPER_MAGIC {
		return err
	}
	if err := os.MkdirAll(filepath.Join(root, "stage"), 0o755); err != nil {
		return err
	}
	pid := strconv.Itoa(os.Getpid())
	if err := os.WriteFile(filepath.Join(root, "stage", "cgroup.procs"), []byte(pid), 0); err != nil {
		return err
	}
	controllers, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, c := range strings.Fields(string(controllers)) {
		if err := os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+"+c), 0); err != nil {
			return fmt.Errorf("hand on cgroup controller %s: %w", c, err)
		}
	}
	return nil
}
