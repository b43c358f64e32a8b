package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/google/uuid"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/infra/local"
	"github.com/hanok/hanok/internal/machine"
	"github.com/hanok/hanok/internal/serve"
)

// floor measures the bare floor in a machine of its own, made by the same
// driver as all machines, in which stage is PID 1.
type floor struct {
	driver   *local.Driver
	version  string
	subnet   infra.Subnet
	outcomes chan floorOutcome
	server   *http.Server
}

// floorOutcome is what one run of the floor gives, in seconds since its start.
type floorOutcome struct {
	Ready float64            `json:"ready"`
	Marks map[string]float64 `json:"marks"` // when each process answered
	Error string             `json:"error,omitempty"`
}

const floorTimeout = 2 * time.Minute

func newFloor(ctx context.Context, o options, stateDir string) (*floor, error) {
	f := &floor{version: o.version, outcomes: make(chan floorOutcome, 1), subnet: infra.Subnet{
		ID: uuid.NewString(), Name: "floor", NetworkID: uuid.NewString(), ProjectID: "floor",
		CIDR: netip.MustParsePrefix("192.168.0.0/24"), Gateway: netip.MustParseAddr("192.168.0.1"), InternetGateway: true,
	}}
	d, err := local.New(ctx, local.Config{
		StateDir: stateDir, CacheDir: o.cacheDir, Init: []string{machine.AgentBinary, stageCommand},
	})
	if err != nil {
		return nil, fmt.Errorf("the floor's machine: %w", err)
	}
	f.driver = d
	if err := (serve.Installation{ID: d.InstallationID(), StateDir: stateDir}).Note(); err != nil {
		return nil, errors.Join(err, f.remove())
	}
	if err := d.Restore(ctx); err != nil {
		return nil, errors.Join(err, f.remove())
	}
	// Machines reach this address and port of the host, and no other.
	f.server = &http.Server{Addr: d.AgentAddress().String(), Handler: http.HandlerFunc(f.take)}
	go func() {
		if err := f.server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			f.outcomes <- floorOutcome{Error: err.Error()}
		}
	}()
	return f, nil
}

// take receives the outcome from the machine.
func (f *floor) take(w http.ResponseWriter, r *http.Request) {
	var o floorOutcome
	if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case f.outcomes <- o:
	default:
	}
}

// report sends the outcome from the machine to take.
func report(url string, o floorOutcome) error {
	body, err := json.Marshal(o)
	if err != nil {
		return err
	}
	res, err := http.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// run makes the machine, waits for its outcome and deletes it.
func (f *floor) run(ctx context.Context) (o floorOutcome, err error) {
	key := uuid.NewString()
	port, err := f.driver.CreatePort(ctx, infra.PortSpec{Key: key, ClusterUUID: key, ProjectID: "floor", Subnet: f.subnet})
	if err != nil {
		return o, err
	}
	config, err := json.Marshal(floorConfig{
		Version: f.version, Address: port.Address, RestrictedOOM: restrictedOOM(),
		ReportTo: "http://" + f.driver.AgentAddress().String(),
	})
	if err != nil {
		return o, err
	}
	m, err := f.driver.CreateMachine(ctx, infra.MachineSpec{
		Key: key, Name: floorNode, ClusterUUID: key, ProjectID: "floor", Role: hanok.RoleWorker,
		Flavor:     infra.Flavor{ID: "floor", Name: "floor", VCPUs: runtime.NumCPU(), MemoryMB: 4096},
		BootVolume: infra.Volume{SizeGB: 5}, PortIDs: []string{port.ID}, UserData: config,
	})
	if err != nil {
		return o, err
	}
	select {
	case o = <-f.outcomes:
	case <-ctx.Done():
		return o, ctx.Err()
	case <-time.After(floorTimeout):
		return o, fmt.Errorf("nothing was heard of the machine for %v", floorTimeout)
	}
	if o.Error != "" {
		return o, errors.New(o.Error)
	}
	return o, f.delete(ctx, m.ID, port.ID)
}

func (f *floor) delete(ctx context.Context, machineID, portID string) error {
	if err := f.driver.DeleteMachine(ctx, machineID); err != nil {
		return err
	}
	err := poll(ctx, floorTimeout, "the floor's machine is gone", func() error {
		m, err := f.driver.Machine(ctx, machineID)
		if hanok.KindOf(err) == hanok.KindNotFound {
			return nil
		}
		return errors.Join(err, fmt.Errorf("it is %s %s", m.Status, m.Fault))
	})
	if err != nil {
		return err
	}
	return f.driver.DeletePort(ctx, portID)
}

// remove takes everything of the floor off the host; ctx may have ended.
func (f *floor) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if f.server != nil {
		f.server.Close()
	}
	err := f.driver.Destroy(ctx)
	f.driver.Close()
	if err == nil {
		err = serve.Forget(f.driver.InstallationID())
	}
	return err
}

// writeFile writes a file and the directories above it.
func writeFile(path string, content []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, mode)
}
