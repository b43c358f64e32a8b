package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/kube"
	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/internal/machine/seed"
)

// The floor is the time that upstream's programs need by themselves: the
// same programs with the same flags and files as a cluster of one worker,
// started by hand in one set of namespaces, each as soon as what it waits for
// answers. Certificates, files and images lie ready before the clock starts.

const (
	floorNode     = "floor-node"
	floorEndpoint = "198.18.31.254"
	floorResult   = "/var/lib/hanok/floor.json"
)

// floorConfig is the user data of the floor's machine.
type floorConfig struct {
	Version       string
	Address       netip.Addr
	RestrictedOOM bool
}

// floorOutcome is what the machine leaves at floorResult.
type floorOutcome struct {
	Nanoseconds int64
	Error       string
}

// stage is PID 1 of the floor's machine, in place of the agent.
func stage(cfg floorConfig) (time.Duration, error) {
	if err := floorNetwork(); err != nil {
		return 0, err
	}
	secrets, err := kube.NewSecrets("floor", time.Now())
	if err != nil {
		return 0, err
	}
	facts := kube.Facts{
		Name: "floor", Endpoint: netip.MustParseAddrPort(floorEndpoint + ":6443"),
		ServiceCIDR: netip.MustParsePrefix("10.254.0.0/16"),
		PodCIDR:     netip.MustParsePrefix("10.100.0.0/16"), PodSubnetSize: 24,
		Bundle: machine.Bundle{Version: cfg.Version}, Secrets: secrets,
		RestrictedOOM: cfg.RestrictedOOM,
	}
	plane := kube.ControlPlane(facts, kube.Member{Name: "floor-master", Address: netip.MustParseAddr(floorEndpoint)})
	worker := kube.WorkerNode(facts, kube.Worker{
		MachineID: "00000000-0000-4000-8000-000000000001", Name: floorNode,
		Address: cfg.Address, PodCIDR: hanok.PodSubnet(facts.PodCIDR, facts.PodSubnetSize, 0), GroupName: "default-worker", FlavorName: "floor",
	})
	for _, s := range []machine.State{plane, worker} {
		if err := layOut(s, secrets); err != nil {
			return 0, err
		}
	}
	if err := seed.Apply(filepath.Join(machine.BundlesDir, cfg.Version), "/var/lib/containerd"); err != nil {
		return 0, err
	}
	processes := append(plane.Processes, worker.Processes...)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	start := time.Now()
	failed := make(chan error, len(processes))
	for _, p := range processes {
		go func() {
			if err := startByHand(ctx, p, processes); err != nil {
				failed <- err
			}
		}()
	}
	client, err := kube.NewClient(facts, dialTCP(facts.Endpoint.String()))
	if err != nil {
		return 0, err
	}
	ready := make(chan error, 1)
	go func() {
		for client.Ready(ctx) != nil && ctx.Err() == nil {
			pause(ctx)
		}
		ready <- client.WaitNodesReady(ctx, []string{floorNode})
	}()
	select {
	case err := <-failed:
		return 0, err
	case err := <-ready:
		return time.Since(start), err
	}
}

// floorNetwork puts the endpoint's address on the machine itself.
func floorNetwork() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	address, err := netlink.ParseAddr(floorEndpoint + "/32")
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(lo, address); err != nil {
		return err
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}

// layOut writes a state's files and certificates.
func layOut(s machine.State, secrets map[string][]byte) error {
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

func writeFile(path string, content []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, mode)
}

// startByHand waits for what the process waits for, and starts it.
func startByHand(ctx context.Context, p machine.Process, all []machine.Process) error {
	if p.WaitFor != nil {
		waitFor(ctx, p.WaitFor)
	}
	for _, other := range all {
		for _, after := range p.After {
			if other.Name == after && other.Ready != nil {
				waitFor(ctx, other.Ready)
			}
		}
	}
	log, err := os.Create("/var/log/" + p.Name + ".log")
	if err != nil {
		return err
	}
	cmd := exec.Command(p.Argv[0], p.Argv[1:]...)
	cmd.Env = append(os.Environ(), p.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	err = cmd.Wait()
	text, _ := os.ReadFile(log.Name())
	if len(text) > 2000 {
		text = text[len(text)-2000:]
	}
	return fmt.Errorf("%s ended: %v\n%s", p.Name, err, text)
}
