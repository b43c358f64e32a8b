package bundle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hanok/hanok/internal/rootfs"
)

// compiler makes the parts of bundles and keeps them: a part whose sources,
// flags and compiler are the same is not made again, in another bundle neither.
type compiler struct {
	dir       string // <cache>/artifacts
	goProgram string
	goVersion string
	progress  rootfs.Progress
}

func newCompiler(ctx context.Context, cacheDir string, progress rootfs.Progress) (*compiler, error) {
	program, err := exec.LookPath("go")
	if err != nil {
		program = "/usr/local/go/bin/go"
		if _, statErr := os.Stat(program); statErr != nil {
			return nil, errors.New("bundles are compiled from source and Go is not installed: install Go 1.26 or newer from https://go.dev/dl and put its bin directory into PATH")
		}
	}
	out, err := exec.CommandContext(ctx, program, "env", "GOVERSION").Output()
	if err != nil {
		return nil, fmt.Errorf("%s env GOVERSION: %w", program, err)
	}
	return &compiler{
		dir: filepath.Join(cacheDir, "artifacts"), goProgram: program,
		goVersion: strings.TrimSpace(string(out)), progress: progress,
	}, nil
}

// part is something that the compiler makes: a file named by the key.
type part struct {
	what string // for people
	key  string
	make func(ctx context.Context, dest string) error
}

// program is the part of a program's recipe; module directories are relative
// to base.
func (c *compiler) program(base string, p programRecipe) (part, error) {
	module := filepath.Join(base, p.Module)
	sum, err := hashModule(module)
	if err != nil {
		return part{}, fmt.Errorf("%s: %w", p.Path, err)
	}
	spec, err := json.Marshal(p)
	if err != nil {
		return part{}, err
	}
	made := part{
		what: filepath.Base(p.Path),
		key:  hashStrings("program 1", c.goVersion, runtime.GOARCH, sum, string(spec)),
		make: func(ctx context.Context, dest string) error { return c.goBuild(ctx, module, p, dest) },
	}
	if p.CSource != "" {
		made.make = func(ctx context.Context, dest string) error { return c.cBuild(ctx, module, p, dest) }
	}
	return made, nil
}

// output is the part that running a module's program prints.
func (c *compiler) output(base, moduleDir string) (part, error) {
	module := filepath.Join(base, moduleDir)
	sum, err := hashModule(module)
	if err != nil {
		return part{}, err
	}
	return part{
		what: filepath.Base(moduleDir),
		key:  hashStrings("output 1", c.goVersion, runtime.GOARCH, sum),
		make: func(ctx context.Context, dest string) error {
			f, err := os.OpenFile(dest, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
			if err != nil {
				return err
			}
			if err := c.run(ctx, module, f, c.goProgram, "run", "-buildvcs=false", "."); err != nil {
				_ = f.Close()
				return err
			}
			return f.Close()
		},
	}, nil
}

func (c *compiler) goBuild(ctx context.Context, module string, p programRecipe, dest string) error {
	ldflags := "-s -w"
	for _, name := range slices.Sorted(maps.Keys(p.Variables)) {
		ldflags += fmt.Sprintf(" -X %s=%s", name, p.Variables[name])
	}
	pkg := p.Package
	if pkg == "" {
		pkg = "."
	}
	return c.run(ctx, module, io.Discard, c.goProgram, "build", "-trimpath", "-buildvcs=false",
		"-tags", strings.Join(p.Tags, ","), "-ldflags", ldflags, "-o", dest, pkg)
}

func (c *compiler) cBuild(ctx context.Context, module string, p programRecipe, dest string) error {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		return errors.New("gcc is not installed: run `apt-get install --no-remove gcc libc6-dev`")
	}
	var out bytes.Buffer
	if err := c.run(ctx, module, &out, c.goProgram, "mod", "download", "-json", p.CModule); err != nil {
		return err
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal(out.Bytes(), &downloaded); err != nil || downloaded.Dir == "" {
		return fmt.Errorf("go mod download %s named no directory", p.CModule)
	}
	args := []string{"-Os", "-Wall", "-static", "-s", "-o", dest}
	for _, name := range slices.Sorted(maps.Keys(p.Variables)) {
		args = append(args, "-D"+name+"="+p.Variables[name])
	}
	return c.run(ctx, module, io.Discard, gcc, append(args, filepath.Join(downloaded.Dir, filepath.FromSlash(p.CSource)))...)
}

// run runs a tool in a module's directory. When ctx ends, the tool and what it
// started are asked to stop and then stopped; when this process is killed, the
// tool is, too.
func (c *compiler) run(ctx context.Context, dir string, stdout io.Writer, program string, args ...string) error {
	// The kernel ties Pdeathsig to the thread that started the child.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOOS=linux", "GOARCH="+runtime.GOARCH)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 5 * time.Second
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		return fmt.Errorf("%s %s in %s: %w\n%s", filepath.Base(program), args[0], dir, err, strings.Join(lines[max(0, len(lines)-20):], "\n"))
	}
	return nil
}

// get returns the file of a part and makes it first where it is missing or
// damaged.
func (c *compiler) get(ctx context.Context, p part) (path string, err error) {
	path = filepath.Join(c.dir, p.key)
	if want, err := os.ReadFile(path + ".sha256"); err == nil {
		if sum, err := sumFile(path); err == nil && sum == string(want) {
			return path, nil
		}
	}
	done := c.progress("Compiling " + p.what)
	defer func() { done(err) }()
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return "", err
	}
	tmp := path + ".tmp"
	for _, old := range []string{tmp, path, path + ".sha256"} {
		if err := os.RemoveAll(old); err != nil {
			return "", err
		}
	}
	defer os.Remove(tmp)
	if err := p.make(ctx, tmp); err != nil {
		return "", err
	}
	// Only with the sum beside it the file counts as whole.
	sum, err := copyInPieces(path, tmp)
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(path+".sha256", []byte(sum), 0o644)
}

// hashModule is a hash of a Go module's own sources; go.sum covers the rest.
func hashModule(dir string) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p != dir {
				if _, err := os.Stat(filepath.Join(p, "go.mod")); err == nil {
					return filepath.SkipDir
				}
			}
			return nil
		}
		name := d.Name()
		if name != "go.mod" && name != "go.sum" && (!strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go")) {
			return nil
		}
		raw, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		fmt.Fprintf(h, "%q %d\n", rel, len(raw))
		_, _ = h.Write(raw)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("reading the module %s: %w", dir, err)
	}
	// A module that stands beside this one belongs to its sources.
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("reading the module %s: %w", dir, err)
	}
	for _, found := range replacedByDirectory.FindAllSubmatch(mod, -1) {
		sum, err := hashModule(filepath.Join(dir, string(found[1])))
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, sum)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// replacedByDirectory finds, in a go.mod, the directories that stand for modules.
var replacedByDirectory = regexp.MustCompile(`=>\s*(\.\.?/\S*)`)

func hashStrings(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%q\n", p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
