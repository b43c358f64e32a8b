package serve

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary play a second service that holds a state
// directory until it is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("HANOK_TEST_OWN"); dir != "" {
		o, err := own(dir)
		if err != nil {
			os.Exit(1)
		}
		if os.Getenv("HANOK_TEST_LINGER") != "" {
			child := exec.Command("sleep", "1")
			child.ExtraFiles = []*os.File{o.f}
			if child.Start() != nil {
				os.Exit(1)
			}
		}
		os.Stdout.WriteString("owned\n")
		time.Sleep(time.Minute)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestOneServicePerStateDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if pid, err := Running(dir); err != nil || pid != 0 {
		t.Fatalf("Running of an empty directory: %d, %v", pid, err)
	}

	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), "HANOK_TEST_OWN="+dir)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Process.Kill()
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatalf("the other service did not come up: %v", err)
	}

	pid := strconv.Itoa(other.Process.Pid)
	if _, err := own(dir); err == nil || !strings.Contains(err.Error(), pid) {
		t.Errorf("a second owner got %v, want an error that names process %s", err, pid)
	}
	if got, err := Running(dir); err != nil || got != other.Process.Pid {
		t.Errorf("Running: %d, %v, want %s", got, err, pid)
	}

	// A service that was killed leaves the file and blocks nobody.
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait()
	if got, err := Running(dir); err != nil || got != 0 {
		t.Errorf("Running after the kill: %d, %v", got, err)
	}
	o, err := own(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.release(); err != nil {
		t.Fatal(err)
	}
	if got, err := Running(dir); err != nil || got != 0 {
		t.Errorf("Running after the release: %d, %v", got, err)
	}
}

// A service that was killed may hold its lock for a moment more. Whoever
// starts the next one at once must not be refused for it.
func TestKilledServiceIsWaitedFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), "HANOK_TEST_OWN="+dir, "HANOK_TEST_LINGER=1")
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatalf("the other service did not come up: %v", err)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait() // a zombie until then, as under a slow parent
	if pid, err := Running(dir); err != nil || pid == 0 {
		t.Fatalf("nobody holds the lock any more: %d, %v", pid, err)
	}
	o, err := own(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.release(); err != nil {
		t.Fatal(err)
	}
}
