package rootfs

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// docs are left out while unpacking; licences stay.
var docs = []string{
	"--dpkgopt=path-exclude=/usr/share/doc/*",
	"--dpkgopt=path-include=/usr/share/doc/*/copyright",
	"--dpkgopt=path-exclude=/usr/share/man/*",
	"--dpkgopt=path-exclude=/usr/share/info/*",
	"--dpkgopt=path-exclude=/usr/share/locale/*",
	"--dpkgopt=path-exclude=/usr/share/lintian/*",
}

// bootstrap unpacks and configures the packages into dir.
func bootstrap(ctx context.Context, dir string) error {
	program, err := exec.LookPath("mmdebstrap")
	if err != nil {
		return errors.New("mmdebstrap is not installed, and the machines' Debian tree is built with it: run `apt-get install --no-remove mmdebstrap`")
	}
	sources, err := debianSources("/etc/apt")
	if err != nil {
		return err
	}
	args := []string{
		"--mode=root", "--variant=essential", "--quiet",
		"--include=" + strings.Join(packages, ","),
		`--aptopt=APT::Install-Recommends "false"`,
	}
	args = append(args, docs...)
	for _, o := range aptProxies(ctx) {
		args = append(args, "--aptopt="+o)
	}
	args = append(args, codename, dir)
	args = append(args, sources...)
	out, err := Isolated(ctx, program, args...)
	if err != nil {
		return fmt.Errorf("mmdebstrap could not build Debian %s into %s (are the mirrors of /etc/apt reachable, and is the disk full?): %w\n%s",
			codename, dir, err, lastLines(out, 15))
	}
	return nil
}

// installed returns the version of every package of the tree.
func installed(ctx context.Context, tree string) (map[string]string, error) {
	out, err := chroot(ctx, tree, "dpkg-query", "-W", "-f", "${Package} ${Version}\n")
	if err != nil {
		return nil, err
	}
	packages := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if name, version, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			packages[name] = version
		}
	}
	return packages, nil
}
