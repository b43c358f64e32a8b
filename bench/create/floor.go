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
	"strconv"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/hanok/hanok/internal/kube"
	"github.com/hanok/hanok/internal/machine"
)

// The floor is the time that upstream's programs need by themselves: the
// same programs with the same flags and files as a cluster of one worker,
// started by hand in one set of namespaces, each as soon as what it waits for
// answers. Certificates, files and images lie ready before the clock starts.

const (
	floorStage    = "floor-stage" // argv[1] of the process inside the namespaces
	floorNode     = "floor-node"
	floorEndpoint = "198.18.31.1"
	floorAddress  = "192.168.254.2"
)

// measureFloor runs the floor once: from the start of etcd until the node is
// Ready.
func measureFloor(ctx context.Context, cfg config) (time.Duration, error) {
	dir, err := os.MkdirTemp(cfg.workDir, "hanok-floor-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return 0, err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, self, floorStage, dir, cfg.rootfs, cfg.bundles, cfg.version)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS |
			syscall.CLONE_NEWIPC | syscall.CLONE_NEWPID | unix.CLONE_NEWCGROUP,
		Pdeathsig: syscall.SIGKILL,
	}
	cmd.Stderr = log
	out, err := cmd.Output()
	if err != nil {
		text, _ := os.ReadFile(log.Name())
		if len(text) > 4000 {
			text = text[len(text)-4000:]
		}
		return 0, fmt.Errorf("floor: %w\n%s", err, text)
	}
	ns, err := strconv.ParseInt(string(out), 10, 64)
	return time.Duration(ns), err
}

// stage is PID 1 of the floor's namespaces: everything ends with it.
func stage(dir, rootfs, bundles, version string) (time.Duration, error) {
	if err := enterRoot(dir, rootfs, bundles); err != nil {
		return 0, err
	}
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
		Bundle: machine.Bundle{Version: version}, Secrets: secrets,
		RestrictedOOM: restrictedOOM(),
	}
	plane := kube.ControlPlane(facts, kube.Member{Name: "floor-master", Address: netip.MustParseAddr(floorEndpoint)})
	worker := kube.WorkerNode(facts, kube.Worker{
		MachineID: "00000000-0000-4000-8000-000000000001", Name: floorNode,
		Address: netip.MustParseAddr(floorAddress), GroupName: "default-worker", FlavorName: "floor",
	})
	for _, s := range []machine.State{plane, worker} {
		if err := layOut(s, secrets); err != nil {
			return 0, err
		}
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

// enterRoot makes the Debian tree the root, with the places that need a real
// file system on a tmpfs-free disk directory of their own.
func enterRoot(dir, rootfs, bundles string) error {
	root := filepath.Join(dir, "root")
	steps := []struct {
		source, target, kind string
		flags                uintptr
		data                 string
	}{
		{"", "/", "", unix.MS_REC | unix.MS_PRIVATE, ""},
		{"overlay", root, "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", rootfs, filepath.Join(dir, "upper"), filepath.Join(dir, "work"))},
		{"proc", root + "/proc", "proc", 0, ""},
		{"sysfs", root + "/sys", "sysfs", 0, ""},
		{"/dev", root + "/dev", "", unix.MS_BIND | unix.MS_REC, ""},
		{"tmpfs", root + "/run", "tmpfs", 0, ""},
		{"/sys/fs/cgroup", root + "/sys/fs/cgroup", "", unix.MS_BIND | unix.MS_REC, ""},
		{bundles, root + machine.BundlesDir, "", unix.MS_BIND, ""},
		{filepath.Join(dir, "etcd"), root + "/var/lib/etcd", "", unix.MS_BIND, ""},
		{filepath.Join(dir, "containerd"), root + "/var/lib/containerd", "", unix.MS_BIND, ""},
		{filepath.Join(dir, "kubelet"), root + "/var/lib/kubelet", "", unix.MS_BIND, ""},
		{"", root, "", unix.MS_REC | unix.MS_SHARED, ""},
	}
	for _, d := range []string{"root", "upper", "work", "etcd", "containerd", "kubelet"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	for _, s := range steps {
		if err := os.MkdirAll(s.target, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(s.source, s.target, s.kind, s.flags, s.data); err != nil {
			return fmt.Errorf("mount %s on %s: %w", s.source, s.target, err)
		}
	}
	if err := unix.Chroot(root); err != nil {
		return err
	}
	return os.Chdir("/")
}

func floorNetwork() error {
	eth0 := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}}
	if err := netlink.LinkAdd(eth0); err != nil {
		return err
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	for link, addresses := range map[netlink.Link][]string{lo: nil, eth0: {floorAddress + "/24", floorEndpoint + "/32"}} {
		if err := netlink.LinkSetUp(link); err != nil {
			return err
		}
		for _, text := range addresses {
			a, err := netlink.ParseAddr(text)
			if err != nil {
				return err
			}
			if err := netlink.AddrAdd(link, a); err != nil {
				return err
			}
		}
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
