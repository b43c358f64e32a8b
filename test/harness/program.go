package harness

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// hanokBinary gives the binary under test: bin/hanok of the checkout, static
// because machines run it on their own root.
func hanokBinary(t *testing.T) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("HANOK_BIN"); path != "" {
		return path, nil
	}
	dir, err := filepath.Abs("../../bin")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "hanok")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "../../cmd/hanok")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building hanok: %w\n%s", err, out)
	}
	return path, nil
})

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// CacheDir is the directory of bundles and root trees.
func CacheDir() string {
	if dir := os.Getenv("HANOK_CACHE_DIR"); dir != "" {
		return dir
	}
	return "/var/cache/hanok"
}
