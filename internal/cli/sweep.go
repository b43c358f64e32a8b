package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/infra/local"
	"github.com/hanok/hanok/internal/serve"
)

var installationID = regexp.MustCompile(`^[0-9a-f]{6}$`)

// sweepFlags choose whose leftovers are meant.
type sweepFlags struct {
	installation string
	all, orphans bool
	dryRun       bool
	check        bool
	force        bool
}

func newSweepCommand(e env) *cobra.Command {
	var f sweepFlags
	var o output
	cmd := &cobra.Command{
		Use:   "sweep (--installation ID | --orphans | --all)",
		Short: "Find and remove what hanok made on this host",
		Args:  cobra.NoArgs,
		Long: `Find what hanok made on this host (processes, mounts, loop devices, cgroups,
network namespaces, interfaces, nftables tables, changed host settings) by
name, and remove it. It needs no service, and no state directory.

--orphans means installations that nobody will come back to: their state is
gone, or belonged to a test that has ended (then it goes too, with a service of
the test's and its other directories for temporary files), or no service was
ever known to be theirs and no Go test is running. Other state directories stay: a service that is started again makes
its machines anew.

An installation whose service runs is left alone without --force.`,
		Example: `  hanok sweep --all --dry-run
  hanok sweep --installation 1a2b3c
  hanok sweep --orphans`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// An empty one, from a variable that is not set, must not mean all.
			if cmd.Flags().Changed("installation") && !installationID.MatchString(f.installation) {
				return usagef("--installation: %q is no installation's id, which is six hex digits", f.installation)
			}
			if os.Geteuid() != 0 {
				return fmt.Errorf("this looks at and removes what belongs to root: run it as root")
			}
			found, err := f.find()
			if err != nil {
				return err
			}
			if err := o.print(e.out, found, func(t *table) {
				if len(found) == 0 {
					return
				}
				t.row("INSTALLATION", "KIND", "NAME")
				for _, l := range found {
					t.row(cmp.Or(l.Installation, "-"), l.Kind, l.Name)
				}
			}); err != nil {
				return err
			}
			if f.check && len(found) > 0 {
				return fmt.Errorf("%d things of hanok are left on this host", len(found))
			}
			if f.dryRun || f.check {
				return nil
			}
			return f.remove(cmd.Context(), found)
		},
	}
	o.register(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.installation, "installation", "", "the installation with this id")
	fl.BoolVar(&f.orphans, "orphans", false, "installations that nobody will come back to")
	fl.BoolVar(&f.all, "all", false, "every installation on this host")
	fl.BoolVar(&f.dryRun, "dry-run", false, "only show what would be removed")
	fl.BoolVar(&f.check, "check", false, "remove nothing, and fail if there is anything")
	fl.BoolVar(&f.force, "force", false, "also installations whose service runs")
	cmd.MarkFlagsOneRequired("installation", "orphans", "all")
	cmd.MarkFlagsMutuallyExclusive("installation", "orphans", "all")
	return cmd
}

// find lists what the flags mean.
func (f *sweepFlags) find() ([]local.Leftover, error) {
	found, err := local.Found(f.installation)
	if err != nil {
		return nil, err
	}
	if found == nil {
		found = []local.Leftover{} // "[]" in JSON
	}
	if !f.orphans {
		return found, nil
	}
	notes, err := serve.Installations()
	if err != nil {
		return nil, err
	}
	testing := testRuns()
	found = slices.DeleteFunc(found, func(l local.Leftover) bool {
		for _, i := range notes {
			if i.ID == l.Installation {
				return !i.Orphan()
			}
		}
		return testing
	})
	for _, dir := range serve.OrphanDirs(os.TempDir()) {
		found = append(found, local.Leftover{Kind: "test's directory", Name: dir})
	}
	return found, nil
}

// testRuns tells whether a Go test is running, which may have made what no
// service is known for.
func testRuns() bool {
	programs, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, p := range programs {
		if target, err := os.Readlink(p); err == nil && strings.HasSuffix(strings.TrimSuffix(target, " (deleted)"), ".test") {
			return true
		}
	}
	return false
}

// remove sweeps the installations of what was found, and the state of orphans.
func (f *sweepFlags) remove(ctx context.Context, found []local.Leftover) error {
	notes, err := serve.Installations()
	if err != nil {
		return err
	}
	var ids []string
	for _, l := range found {
		if l.Installation != "" {
			ids = append(ids, l.Installation)
		}
	}
	if f.orphans {
		for _, i := range notes {
			if i.Orphan() {
				ids = append(ids, i.ID)
			}
		}
	}
	slices.Sort(ids)
	var errs []error
	for _, id := range slices.Compact(ids) {
		if err := f.sweep(ctx, id, notes); err != nil {
			errs = append(errs, fmt.Errorf("installation %s: %w", id, err))
		}
	}
	errs = append(errs, local.Tidy()) // what a version before this one left
	if err := errors.Join(errs...); err != nil || !f.orphans {
		return err
	}
	return removeOrphanDirs(ctx, os.TempDir())
}

// removeOrphanDirs removes what tests that have ended left in a directory for
// temporary files.
func removeOrphanDirs(ctx context.Context, tempDir string) error {
	var errs []error
	for _, dir := range serve.OrphanDirs(tempDir) {
		err := serve.Stop(ctx, dir, stopPatience)
		if err == nil {
			err = removeState(dir)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (f *sweepFlags) sweep(ctx context.Context, id string, notes []serve.Installation) error {
	stateDir := stateOf(id, notes)
	if stateDir != "" && !f.force {
		if f.orphans { // a service outlives the test that started it
			if err := serve.Stop(ctx, stateDir, stopPatience); err != nil {
				return err
			}
		}
		pid, err := serve.Running(stateDir)
		if err != nil {
			return err
		}
		if pid != 0 {
			return fmt.Errorf("its service runs (process %d, state in %s): stop it first, or say --force", pid, stateDir)
		}
	}
	if err := local.Sweep(ctx, id); err != nil {
		return err
	}
	if f.orphans && stateDir != "" {
		if err := removeState(stateDir); err != nil {
			return err
		}
	}
	return serve.Forget(id)
}

// stateOf gives the directory that holds an installation's state, "" where
// none is known: a directory may belong to another installation by now.
func stateOf(id string, notes []serve.Installation) string {
	for _, i := range notes {
		if now, err := serve.InstallationIn(i.StateDir); i.ID == id && err == nil && now.ID == id {
			return i.StateDir
		}
	}
	return ""
}
