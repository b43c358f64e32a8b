package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/hanok/hanok/internal/client"
	"github.com/hanok/hanok/internal/serve"
)

// service is hanok as a process of its own, with an installation of its own.
type service struct {
	options
	dir    string
	url    string
	cmd    *exec.Cmd
	client *client.Client
	choice client.Choice
	id     string // of the installation
	made   int    // clusters, for their names
}

const benchKeypair = "bench"

func startService(ctx context.Context, o options, dir string) (s *service, err error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s = &service{options: o, dir: dir, url: "http://" + address}
	log, err := os.Create(s.logPath())
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.cmd = exec.Command(o.hanok, "serve", "--listen", address, "--state-dir", dir, "--cache-dir", o.cacheDir)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	// A session of its own: an interrupt reaches the bench alone, which cleans up.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if err := s.enter(ctx); err != nil {
		return nil, errors.Join(err, errors.New(s.logTail()), s.remove())
	}
	return s, nil
}

// enter waits for the service, logs in as its first user and looks up what a
// create request names.
func (s *service) enter(ctx context.Context) error {
	err := poll(ctx, 30*time.Second, "the service is ready", func() error {
		if !serve.Ready(ctx, s.url) {
			return errors.New("it is not")
		}
		return nil
	})
	if err != nil {
		return err
	}
	installation, err := serve.InstallationIn(s.dir)
	if err != nil {
		return err
	}
	s.id = installation.ID
	password, err := os.ReadFile(filepath.Join(s.dir, serve.InitialPasswordFile))
	if err != nil {
		return err
	}
	s.client, err = client.New(client.Options{
		AuthURL: s.url + "/identity/v3", Username: "admin", Password: strings.TrimSpace(string(password)),
		UserDomainName: "Default", ProjectName: "demo", ProjectDomainName: "Default",
	})
	if err != nil {
		return err
	}
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return err
	}
	if _, err := s.client.CreateKeypair(ctx, benchKeypair, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))); err != nil {
		return err
	}
	s.choice, err = s.client.Choose(ctx, client.Wishes{Version: s.version, Keypair: benchKeypair})
	return err
}

// request is the newer guide's create request for one worker.
func (s *service) request() ([]byte, error) {
	s.made++
	ch := s.choice
	return json.Marshal(map[string]any{
		"name": "bench-" + strconv.Itoa(s.made), "cluster_template_id": "iaas_console", "create_timeout": 60,
		"fixed_network": ch.NetworkID, "fixed_subnet": ch.SubnetID, "flavor_id": ch.FlavorID,
		"keypair": ch.Keypair, "node_count": 1,
		"labels": map[string]any{
			"availability_zone": ch.Zone, "node_image": ch.ImageID, "kube_tag": ch.Version,
			"boot_volume_size": strconv.Itoa(max(ch.MinDisk, 1)), "boot_volume_type": ch.VolumeType,
			"ca_enable": "false", "cert_manager_api": "True", "master_lb_floating_ip_enabled": "true",
			"external_network_id": ch.ExternalNet, "external_subnet_id_list": ch.ExternalSubnet,
		},
	})
}

// remove ends the service and takes everything of its installation off the host.
func (s *service) remove() error {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	installation, err := serve.InstallationIn(s.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil // it did not come that far
	}
	if err != nil {
		return err
	}
	if out, err := exec.Command(s.hanok, "sweep", "--installation", installation.ID).CombinedOutput(); err != nil {
		return fmt.Errorf("hanok sweep --installation %s: %w: %s", installation.ID, err, out)
	}
	return nil
}

func (s *service) logPath() string { return filepath.Join(s.dir, "service.log") }

func (s *service) logTail() string {
	text, _ := os.ReadFile(s.logPath())
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.Contains(l, "msg=request ") })
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
