package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/bundle"
	"github.com/hanok/hanok/internal/rootfs"
)

func newBundleCommand(e env) *cobra.Command {
	var cacheDir string
	cmd := &cobra.Command{
		Use:   "bundle",
		Short: "Build, list, verify and prune bundles of Kubernetes releases",
		Long: `A bundle holds all that machines need to run one Kubernetes release: its
components, CNI plugins and container images, compiled here from upstream's
Go modules. Bundles of several releases stand side by side in a cache
directory on this host (/var/cache/hanok, HANOK_CACHE_DIR or --cache-dir).`,
	}
	cmd.PersistentFlags().StringVar(&cacheDir, "cache-dir", "",
		"directory of the bundles (default $HANOK_CACHE_DIR or "+bundle.DefaultCacheDir+")")
	open := func() *bundle.Cache { return bundle.Open(cmp.Or(cacheDir, e.getenv("HANOK_CACHE_DIR"))) }
	cmd.AddCommand(newBundleBuildCommand(e, open), newBundleListCommand(e, open), newBundleVerifyCommand(e, open), newBundlePruneCommand(e, open))
	return cmd
}

func newBundleBuildCommand(e env, open func() *bundle.Cache) *cobra.Command {
	var out output
	var source string
	var skipRootfs bool
	cmd := &cobra.Command{
		Use:   "build [VERSION]",
		Short: "Build the bundle of a release and the Debian tree of the machines",
		Long: `Build the bundle of a Kubernetes release (by default the newest that there
are sources of), and the Debian tree that the machines' roots are made from.

What is there already and matches its sources is left as it is. A build that
was interrupted goes on where it was. The first build compiles Kubernetes,
which takes about four minutes on two cores. Earlier builds of the release go
once no machine uses them (see "hanok bundle prune").

It needs root, Go 1.26, and the Debian packages mmdebstrap, gcc and libc6-dev.
It fetches Go modules and Debian packages and nothing else.`,
		Example: `  hanok bundle build
  hanok bundle build v1.30.3 --source ./kubernetes
  hanok bundle build --skip-rootfs`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			versions, _ := bundle.Sources(sourceDir(e, source))
			return versions, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := sourceDir(e, source)
			version, err := pickVersion(dir, args)
			if err != nil {
				return err
			}
			if err := bundle.CheckSources(dir, version); err != nil {
				return err
			}
			cache := open()
			b, err := buildBundle(cmd.Context(), cache, bundle.Options{
				Version: version, SourceDir: dir, Progress: newPhases(e.err).begin,
			}, skipRootfs)
			if err != nil {
				return err
			}
			// The bundle is there, whatever becomes of those before it.
			if _, err := cache.Prune(cmd.Context(), version, bundleUsers(cache)); err != nil {
				fmt.Fprintf(e.err, "hanok: earlier builds stay: %v\n", err)
			}
			return printBundles(e, out, []*bundle.Bundle{b})
		},
	}
	cmd.Flags().StringVar(&source, "source", "", "the kubernetes/ directory of hanok's sources (default ./kubernetes, or $HANOK_SOURCE_DIR where that is set)")
	cmd.Flags().BoolVar(&skipRootfs, "skip-rootfs", false, "leave out the Debian tree and what is made with it: machines then import their images at boot")
	out.register(cmd)
	return cmd
}

func sourceDir(e env, flag string) string {
	return cmp.Or(flag, e.getenv("HANOK_SOURCE_DIR"), "kubernetes")
}

func pickVersion(sourceDir string, args []string) (string, error) {
	if len(args) == 1 {
		if err := bundle.CheckVersion(args[0]); err != nil {
			return "", usageError{err}
		}
		return args[0], nil
	}
	versions, err := bundle.Sources(sourceDir)
	if err != nil {
		return "", err
	}
	if len(versions) == 0 {
		return "", fmt.Errorf("%s holds no sources of a Kubernetes release: name the kubernetes/ directory of hanok's sources with --source or HANOK_SOURCE_DIR", sourceDir)
	}
	return versions[len(versions)-1], nil
}

// buildBundle builds the Debian tree, unless it is to be left out, and the
// bundle.
func buildBundle(ctx context.Context, cache *bundle.Cache, o bundle.Options, skipRootfs bool) (*bundle.Bundle, error) {
	if !skipRootfs {
		var err error
		if o.Tree, err = rootfs.Build(ctx, cache.Dir(), o.Progress); err != nil {
			return nil, err
		}
	}
	return cache.Build(ctx, o)
}

func newBundleListCommand(e env, open func() *bundle.Cache) *cobra.Command {
	var out output
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the bundles on this host",
		Example: `  hanok bundle list
  hanok bundle list -o json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			bundles, err := open().List()
			if err != nil {
				return err
			}
			return printBundles(e, out, bundles)
		},
	}
	out.register(cmd)
	return cmd
}

func newBundleVerifyCommand(e env, open func() *bundle.Cache) *cobra.Command {
	var out output
	cmd := &cobra.Command{
		Use:   "verify [VERSION...]",
		Short: "Check every file of bundles against its checksum",
		Long: `Check every file of the named bundles, or of all, against the checksum in the
bundle's manifest. A damaged bundle is an error that names the file;
"hanok bundle build VERSION" makes it anew.`,
		Example: `  hanok bundle verify
  hanok bundle verify v1.30.3 -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			cache := open()
			if len(args) == 0 {
				var err error
				if args, err = cache.Versions(); err != nil {
					return err
				}
			}
			var good []*bundle.Bundle
			var failed []error
			for _, version := range args {
				b, err := cache.Verify(cmd.Context(), version)
				if err != nil {
					failed = append(failed, err)
					continue
				}
				good = append(good, b)
			}
			if err := printBundles(e, out, good); err != nil {
				return err
			}
			return errors.Join(failed...)
		},
	}
	out.register(cmd)
	return cmd
}

// bundleView is a bundle as -o json shows it.
type bundleView struct {
	Version    string            `json:"version"`
	Digest     string            `json:"digest"`
	Dir        string            `json:"dir"`
	Size       int64             `json:"size"`
	Platform   string            `json:"platform"`
	Components map[string]string `json:"components"`
	Images     []string          `json:"images"`
	Seeded     bool              `json:"seeded"` // machines start with the images in place
}

func printBundles(e env, out output, bundles []*bundle.Bundle) error {
	views := []bundleView{}
	for _, b := range bundles {
		v := bundleView{
			Version: b.Version, Digest: b.Digest, Dir: b.Dir, Size: b.Size(), Platform: b.Manifest.Platform,
			Components: b.Manifest.Components, Images: []string{}, Seeded: b.Manifest.Seed != nil,
		}
		for _, i := range b.Images() {
			v.Images = append(v.Images, i.Refs...)
		}
		views = append(views, v)
	}
	return out.print(e.out, views, func(t *table) {
		t.row("VERSION", "DIGEST", "SIZE", "IMAGES", "DIRECTORY")
		for _, v := range views {
			names := make([]string, len(v.Images))
			for i, ref := range v.Images {
				names[i] = ref[strings.LastIndex(ref, "/")+1:]
			}
			t.row(v.Version, v.Digest[:12], fmt.Sprintf("%d MB", v.Size/1e6), names, v.Dir)
		}
	})
}
