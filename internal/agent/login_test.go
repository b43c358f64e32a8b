package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hanok/hanok/internal/machine"
)

func TestAuthorizeKey(t *testing.T) {
	t.Parallel()
	a := &agent{opt: Options{Root: t.TempDir()}}
	passwd := fmt.Sprintf("root:x:0:0:root:/root:/bin/sh\ndebian:x:%d:%d::/home/debian:/bin/bash\n", os.Getuid(), os.Getgid())
	if err := writeFile(a.path("/etc/passwd"), []byte(passwd), 0o644); err != nil {
		t.Fatal(err)
	}
	file := a.path("/home/debian/.ssh/authorized_keys")
	state := machine.State{LoginUser: "debian", PublicKey: "ssh-ed25519 AAAA me\n"}
	if err := a.authorizeKey(state); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(file); string(b) != "ssh-ed25519 AAAA me\n" {
		t.Errorf("authorized keys: %q", b)
	}
	if info, err := os.Stat(filepath.Dir(file)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	state.PublicKey = ""
	if err := a.authorizeKey(state); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a key that is not wanted any more still opens the machine")
	}
	state.LoginUser = "nobody-here"
	state.PublicKey = "x"
	if err := a.authorizeKey(state); err == nil {
		t.Error("no error for a user who does not exist")
	}
}
