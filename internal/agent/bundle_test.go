package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hanok/hanok/internal/machine"
)

func TestBundleOfWantedDigest(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	m := newTestMachine(t, s)
	manifest := `{"version":"v1.30.3"}`
	m.write(t, filepath.Join(machine.BundlesDir, "v1.30.3/manifest.json"), manifest)
	m.write(t, filepath.Join(machine.BundlesDir, "v1.30.3/bin/kube"), "#!/bin/sh\nexec sleep 100\n")
	if err := os.Chmod(m.path(machine.BundlesDir, "v1.30.3/bin/kube"), 0o755); err != nil {
		t.Fatal(err)
	}
	state := machine.State{
		Bundle:    machine.Bundle{Version: "v1.30.3", Digest: strings.Repeat("0", 64)},
		Processes: []machine.Process{{Name: "kube", Argv: []string{"bin/kube", "kubelet"}}},
	}
	m.bootUp(t)
	wrong := s.set(state)
	s.await(t, "the wrong digest is reported", func(r machine.Report) bool {
		return r.StateVersion == wrong.Version && strings.Contains(r.Error, "digest") && len(r.Processes) == 0
	})
	state.Bundle.Digest = digestOf(m.path(machine.BundlesDir, "v1.30.3/manifest.json"))
	s.awaitReady(t, s.set(state))
}
