package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hanok/hanok/internal/client"
	"github.com/hanok/hanok/test/harness"
)

// A create that cannot succeed ends CREATE_FAILED with a reason that says
// what to do, and can be deleted.
func TestCreateThatCannotSucceed(t *testing.T) {
	t.Parallel()
	s := startService(t)
	for name, tc := range map[string]struct {
		change func(r *createRequest)
		reason []string
	}{
		"no disk": {
			func(r *createRequest) { r.labels["boot_volume_size"] = "2000" },
			[]string{"volume of 2000.0 GiB", "left"},
		},
		"no memory": {
			func(r *createRequest) { r.nodes = 10; r.fields["flavor_id"] = s.largestFlavor(t) },
			[]string{"MiB of memory", "promised"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.request("cannot")
			tc.change(r)
			c := s.begin(t, r)
			failed := s.awaitFailed(t, c.uuid)
			for _, want := range tc.reason {
				if !strings.Contains(failed.StatusReason, want) {
					t.Errorf("the reason says nothing of %q: %s", want, failed.StatusReason)
				}
			}
			events, err := s.Client.Events(t.Context(), c.uuid)
			if err != nil || len(events) != 1 || events[0].State != "FAIL" {
				t.Errorf("its events are %+v, %v", events, err)
			}
			s.delete(t, c.uuid)
			if got := s.machines(t); got != 0 {
				t.Errorf("%d machines are left", got)
			}
		})
	}
}

// A damaged bundle is found before anything is made of it.
func TestDamagedBundle(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("end-to-end tests make machines: they need root")
	}
	cache := filepath.Join(t.TempDir(), "cache")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(harness.CacheDir(), "rootfs"), filepath.Join(cache, "rootfs")); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", filepath.Join(harness.CacheDir(), "bundles"), cache).CombinedOutput(); err != nil {
		t.Fatalf("copying the bundles: %v\n%s", err, out)
	}
	program := filepath.Join(cache, "bundles", harness.KubeTag, "bin", "kube")
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(program, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte("damage"), info.Size()/2)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	s := startService(t, "--cache-dir", cache)
	c := s.begin(t, s.request("damaged"))
	failed := s.awaitFailed(t, c.uuid)
	for _, want := range []string{"bin/kube", "checksum", "hanok bundle build " + harness.KubeTag} {
		if !strings.Contains(failed.StatusReason, want) {
			t.Errorf("the reason says nothing of %q: %s", want, failed.StatusReason)
		}
	}
	s.delete(t, c.uuid)
}

// DELETE ends a create that hangs, whatever it hangs in.
func TestDeleteEndsACreate(t *testing.T) {
	t.Parallel()
	s := startService(t)
	c := s.begin(t, s.request("hangs"))
	harness.Eventually(t, 20*time.Second, "machines run", func() error {
		if n := s.machines(t); n < 2 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	s.delete(t, c.uuid)
	if got := s.machines(t); got != 0 {
		t.Errorf("%d machines are left", got)
	}
	events, err := s.Client.Events(t.Context(), c.uuid)
	if err != nil || len(events) != 2 {
		t.Fatalf("its events are %+v, %v", events, err)
	}
	if created := events[1]; created.State != "FAIL" || !strings.Contains(created.Contents, "superseded") {
		t.Errorf("the create ended as %s: %s", created.State, created.Contents)
	}
}

func (s *service) awaitFailed(t *testing.T, uuid string) client.Cluster {
	t.Helper()
	var c client.Cluster
	harness.Eventually(t, 60*time.Second, "the create fails", func() error {
		var err error
		if c, err = s.Client.Cluster(t.Context(), uuid); err != nil {
			return err
		}
		if c.Status != "CREATE_FAILED" {
			return errors.New(c.Status)
		}
		return nil
	})
	if status, _, _ := s.api(t, http.MethodGet, "/v1/clusters/"+uuid+"/config", s.token(t), nil); status < 400 {
		t.Errorf("a failed cluster gives out a kubeconfig: %d", status)
	}
	return c
}

func (s *service) largestFlavor(t *testing.T) string {
	t.Helper()
	flavors, err := s.Client.Flavors(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	largest := flavors[0]
	for _, f := range flavors {
		if f.RAM > largest.RAM {
			largest = f
		}
	}
	return largest.ID
}
