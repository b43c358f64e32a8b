package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/hanok/hanok/internal/machine"
)

func TestAuthorizeKey(t *testing.T) {
	t.Parallel()
	a := &agent{opt: Options{Root: t.TempDir()}}
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 4711, 4712
	}
	passwd := fmt.Sprintf("root:x:0:0:root:/root:/bin/sh\ndebian:x:%d:%d::/home/debian:/bin/bash\n", uid, gid)
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
	// sshd reads the file as its owner, who has to get there: the home may be
	// on a volume that has nothing on it yet.
	for path, mode := range map[string]os.FileMode{filepath.Dir(filepath.Dir(file)): 0o755, filepath.Dir(file): 0o700, file: 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t); info.Mode().Perm() != mode || int(owner.Uid) != uid || int(owner.Gid) != gid {
			t.Errorf("%s is %v of %d:%d, want %v of %d:%d", path, info.Mode(), owner.Uid, owner.Gid, mode, uid, gid)
		}
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
