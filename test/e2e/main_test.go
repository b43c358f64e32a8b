package e2e

import (
	"fmt"
	"os"
	"testing"
)

// imageDir holds the archive of the tests' image while they run.
var imageDir string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", fmt.Sprintf("hanok-test-%d-image-", os.Getpid()))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	imageDir = dir
	return m.Run()
}
