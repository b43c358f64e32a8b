package cli

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/bundle"
	"github.com/hanok/hanok/internal/infra/local"
	"github.com/hanok/hanok/internal/serve"
)

func newBundlePruneCommand(e env, open func() *bundle.Cache) *cobra.Command {
	var out output
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove old builds that no machine uses",
		Args:  cobra.NoArgs,
		Long: `Remove from the cache what newer builds have replaced: builds of bundles that
no machine uses, builds that were cut short, and compiled parts that the last
build of no release was made of (the next build that needs one compiles it).

A machine goes on with the build that its images came from for as long as it
lives. Those of every installation that works with the cache are asked, running
or not. What a machine that is off may use cannot be seen, so builds stay that
are older than it. The latest build of each release always stays.`,
		Example: `  hanok bundle prune --dry-run
  hanok bundle prune
  hanok bundle prune -o json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if os.Geteuid() != 0 {
				return fmt.Errorf("this looks into machines, which are root's: run it as root")
			}
			cache := open()
			do := cache.Prune
			if dryRun {
				do = cache.Old
			}
			old, err := do(cmd.Context(), "", bundleUsers(cache))
			if err != nil {
				return err
			}
			return printOld(e, out, old, dryRun)
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only show what is old, who uses it and what would be removed")
	out.register(cmd)
	return cmd
}

// bundleUsers asks all installations of a cache and all processes of the host.
func bundleUsers(cache *bundle.Cache) bundle.Users {
	return func(latest time.Time) (map[string][]string, error) {
		users, err := local.BuildProcesses()
		if err != nil {
			return nil, err
		}
		all, err := serve.InstallationsOf(cache.Dir())
		if err != nil {
			return nil, err
		}
		for _, i := range all {
			of, err := local.BuildUsers(i.ID, i.StateDir, latest)
			if err != nil {
				return nil, err
			}
			for build, by := range of {
				users[build] = append(users[build], by...)
			}
		}
		return users, nil
	}
}

// oldView is something old as -o json shows it.
type oldView struct {
	Kind   string    `json:"kind"`
	Name   string    `json:"name"`
	Path   string    `json:"path"`
	Size   int64     `json:"size"`
	Made   time.Time `json:"made"`
	UsedBy []string  `json:"used_by"`
	// Removed tells what became of it, or would without --dry-run.
	Removed bool `json:"removed"`
}

func printOld(e env, out output, old []bundle.Old, dryRun bool) error {
	views := []oldView{}
	for _, o := range old {
		views = append(views, oldView{
			Kind: o.Kind, Name: o.Name, Path: o.Path, Size: o.Size, Made: o.Made.UTC(),
			UsedBy: append([]string{}, o.UsedBy...), Removed: len(o.UsedBy) == 0,
		})
	}
	fate := map[bool]string{true: "removed", false: "kept"}
	if dryRun {
		fate[true] = "to be removed"
	}
	return out.print(e.out, views, func(t *table) {
		if len(views) == 0 {
			return
		}
		t.row("KIND", "NAME", "MADE", "SIZE", "OUTCOME", "USED BY")
		for _, v := range views {
			t.row(v.Kind, v.Name, v.Made.Format(time.DateTime), fmt.Sprintf("%d MB", v.Size/1e6), fate[v.Removed], strings.Join(v.UsedBy, ", "))
		}
	})
}
