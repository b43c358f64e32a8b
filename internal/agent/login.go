package agent

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hanok/hanok/internal/machine"
)

// authorizeKey lets the state's public key, and no other, log in as the login
// user; without one nobody may.
func (a *agent) authorizeKey(s machine.State) error {
	if s.LoginUser == "" {
		return nil
	}
	u, err := findUser(a.path("/etc/passwd"), s.LoginUser)
	if err != nil {
		return fmt.Errorf("login user: %w", err)
	}
	dir := a.path(filepath.Join(u.home, ".ssh"))
	file := filepath.Join(dir, "authorized_keys")
	if s.PublicKey == "" {
		if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("login user: %w", err)
		}
		return nil
	}
	// There is no home where a volume is mounted over it.
	home := a.path(u.home)
	if err := os.MkdirAll(home, 0o755); err != nil {
		return fmt.Errorf("login user: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("login user: %w", err)
	}
	if err := ensureFile(file, []byte(strings.TrimSpace(s.PublicKey)+"\n"), 0o600); err != nil {
		return fmt.Errorf("login user: %w", err)
	}
	for _, path := range []string{home, dir, file} {
		if err := os.Lchown(path, u.uid, u.gid); err != nil {
			return fmt.Errorf("login user: %w", err)
		}
	}
	return nil
}

// account is a line of /etc/passwd.
type account struct {
	uid, gid int
	home     string
}

func findUser(passwd, name string) (account, error) {
	f, err := os.Open(passwd)
	if err != nil {
		return account{}, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) < 7 || fields[0] != name {
			continue
		}
		uid, err := strconv.Atoi(fields[2])
		if err != nil {
			return account{}, fmt.Errorf("%s: user %s: %w", passwd, name, err)
		}
		gid, err := strconv.Atoi(fields[3])
		if err != nil {
			return account{}, fmt.Errorf("%s: user %s: %w", passwd, name, err)
		}
		return account{uid: uid, gid: gid, home: fields[5]}, nil
	}
	if err := lines.Err(); err != nil {
		return account{}, err
	}
	return account{}, fmt.Errorf("there is no user %q in the machine's image", name)
}
