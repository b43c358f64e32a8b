package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
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
	stageCommand  = "floor-stage"
	floorNode     = "floor-node"
	floorEndpoint = "198.18.31.254"
)

// floorConfig is the user data of the floor's machine.
type floorConfig struct {
	Version       string
	Address       netip.Addr
	RestrictedOOM bool
	ReportTo      string // URL
}

// runStage is PID 1 of the floor's machine, in place of the agent. It stays
// when it has reported: the machine is deleted as it is.
func runStage() {
	var cfg floorConfig
	content, err := os.ReadFile(machine.ConfigPath)
	if err == nil {
		err = json.Unmarshal(content, &cfg)
	}
	var o floorOutcome
	if err == nil {
		err = stage(cfg, &o)
	}
	if err != nil {
		o.Error = err.Error()
		fmt.Fprintln(os.Stderr, err)
	}
	if err := report(cfg.ReportTo, o); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	select {}
}

func stage(cfg floorConfig, o *floorOutcome) error {
	if err := floorNetwork(); err != nil {
		return err
	}
	if err := leaveRootCgroup("/sys/fs/cgroup"); err != nil {
		return err
	}
	facts, states, err := floorStates(cfg)
	if err != nil {
		return err
	}
	var processes []machine.Process
	for _, s := range states {
		if err := layOut(s, facts.Secrets); err != nil {
			return err
		}
		processes = append(processes, s.Processes...)
	}
	if err := seed.Apply(filepath.Join(machine.BundlesDir, cfg.Version), "/var/lib/containerd"); err != nil {
		return err
	}
	client, err := kube.NewClient(facts, dialTCP(facts.Endpoint.String()))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	start := time.Now()
	var mu sync.Mutex
	marks := map[string]float64{}
	mark := func(name string) {
		mu.Lock()
		defer mu.Unlock()
		marks[name] = time.Since(start).Seconds()
	}
	failed := make(chan error, len(processes))
	for _, p := range processes {
		go func() { failed <- startByHand(ctx, p, processes, mark) }()
	}
	ready := make(chan error, 1)
	go func() {
		for client.Ready(ctx) != nil && ctx.Err() == nil {
			pause(ctx)
		}
		ready <- client.WaitNodesReady(ctx, []string{floorNode})
	}()
	select {
	case err = <-failed:
	case err = <-ready:
	}
	o.Ready = time.Since(start).Seconds()
	mu.Lock()
	defer mu.Unlock()
	o.Marks = maps.Clone(marks)
	return err
}

// floorStates renders the states of a member and a worker for this machine.
func floorStates(cfg floorConfig) (kube.Facts, []machine.State, error) {
	secrets, err := kube.NewSecrets("floor", time.Now())
	if err != nil {
		return kube.Facts{}, nil, err
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
	return facts, []machine.State{plane, worker}, nil
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
	return errors.Join(netlink.AddrAdd(lo, address), netlink.LinkSetUp(lo))
}

// startByHand waits for what the process waits for, starts it and marks when
// it answers. It returns when the process has ended, which none should.
func startByHand(ctx context.Context, p machine.Process, all []machine.Process, mark func(string)) error {
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
	mark(p.Name + " started")
	if p.Ready != nil {
		go func() {
			waitFor(ctx, p.Ready)
			mark(p.Name + " ready")
		}()
	}
	err = cmd.Wait()
	text, _ := os.ReadFile(log.Name())
	if len(text) > 2000 {
		text = text[len(text)-2000:]
	}
	return fmt.Errorf("%s ended: %v\n%s", p.Name, err, strings.TrimSpace(string(text)))
}
