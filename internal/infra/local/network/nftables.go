package network

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// loadRules replaces a whole table in one transaction inside a network
// namespace ("" is the caller's). Packets see the old rules or the new ones,
// and connections that were let in or translated stay so.
func loadRules(ctx context.Context, namespace, table, chains string) error {
	script := fmt.Sprintf("table inet %[1]s\ndelete table inet %[1]s\ntable inet %[1]s {\n%[2]s}\n", table, chains)
	return inNamespace(namespace, func() error {
		_, err := nft(ctx, script, "-f", "-")
		return err
	})
}

// deleteRules removes a table; a missing one is success.
func deleteRules(ctx context.Context, namespace, table string) error {
	return inNamespace(namespace, func() error {
		_, err := nft(ctx, fmt.Sprintf("table inet %[1]s\ndelete table inet %[1]s\n", table), "-f", "-")
		return err
	})
}

// nft runs the nft program in the calling thread's network namespace.
func nft(ctx context.Context, stdin string, args ...string) (string, error) {
	return run(ctx, stdin, "nft", args...)
}

// run runs a program of the host's administration and gives what it printed.
func run(ctx context.Context, stdin, name string, args ...string) (string, error) {
	path, err := findProgram(name)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(diag.String()))
	}
	return out.String(), nil
}

// findProgram looks into sbin too: a service's PATH may lack it.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin/", "/sbin/", "/usr/local/sbin/"} {
		if path, err := exec.LookPath(dir + name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("program %s is missing, install it (Debian: apt-get install %s): %w", name, packageOf(name), err)
}

func packageOf(program string) string {
	if program == "nft" {
		return "nftables"
	}
	return program
}
