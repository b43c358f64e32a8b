package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hanok/hanok/internal/client"
	"github.com/hanok/hanok/internal/serve"
)

// quickstart is what `hanok up` and `hanok down` work on.
type quickstart struct {
	e        env
	checkout string // of hanok's sources
	stateDir string
	cacheDir string
	listen   string
}

func (q *quickstart) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&q.checkout, "dir", ".", "checkout of hanok's sources; run/ and bin/ in it are written")
	fl.StringVar(&q.stateDir, "state-dir", envOr(q.e, "HANOK_STATE_DIR", serve.DefaultStateDir), "state directory of the service")
	fl.StringVar(&q.cacheDir, "cache-dir", envOr(q.e, "HANOK_CACHE_DIR", serve.DefaultCacheDir), "directory of bundles and root trees")
	fl.StringVar(&q.listen, "listen", serve.DefaultListen, "address of the API")
}

func envOr(e env, name, otherwise string) string {
	if v := e.getenv(name); v != "" {
		return v
	}
	return otherwise
}

func (q *quickstart) path(elem ...string) string {
	return filepath.Join(append([]string{q.checkout}, elem...)...)
}

func (q *quickstart) say(what, format string, args ...any) {
	fmt.Fprintf(q.e.out, "%-12s %s\n", what, fmt.Sprintf(format, args...))
}

func newUpCommand(e env) *cobra.Command {
	q := &quickstart{e: e}
	var version string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a service on this host and make a first cluster",
		Args:  cobra.NoArgs,
		Long: `Build the bundle where it is missing, start the service in the background,
write credentials to run/openrc, register an ssh key, and send the create
request of docs/examples/create-cluster.json. What is there already is left as
it is: a second run is quick. "make up" runs this after it has installed the
Debian packages and built the program; "make down" takes all of it away.`,
		Example: "  hanok up",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := q.check(); err != nil {
				return err
			}
			return q.up(cmd.Context(), version)
		},
	}
	q.register(cmd)
	cmd.Flags().StringVar(&version, "kube-version", "v1.30.3", "Kubernetes version of the cluster")
	return cmd
}

// check finds what would stop the command in the middle.
func (q *quickstart) check() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("this makes machines on the host: run it as root")
	}
	for _, p := range []*string{&q.checkout, &q.stateDir, &q.cacheDir} {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return err
		}
		*p = abs
	}
	if _, err := os.Stat(q.request()); err != nil {
		return usagef("%s is no checkout of hanok's sources (%w): name it with --dir", q.checkout, err)
	}
	return nil
}

// request is the file of the create request, with the ids as variables.
func (q *quickstart) request() string { return q.path("docs", "examples", "create-cluster.json") }

func (q *quickstart) up(ctx context.Context, version string) error {
	begun := time.Now()
	build := []string{"bundle", "build", version, "--cache-dir", q.cacheDir, "--source", q.path("kubernetes")}
	if code := run(ctx, q.e, build); code != exitOK {
		return fmt.Errorf("bundle %s is not built", version)
	}
	if err := q.linkKubectl(version); err != nil {
		return err
	}
	if err := q.startService(ctx); err != nil {
		return err
	}
	c, err := q.login(ctx)
	if err != nil {
		return err
	}
	if err := q.keypair(ctx, c); err != nil {
		return err
	}
	cl, err := q.cluster(ctx, c, version)
	if err != nil {
		return err
	}
	config, err := c.Kubeconfig(ctx, cl.UUID)
	if err != nil {
		return err
	}
	kubeconfig := q.path("run", "kubeconfig")
	if now, err := os.ReadFile(kubeconfig); err != nil || string(now) != config {
		if err := writePrivate(kubeconfig, []byte(config)); err != nil {
			return err
		}
	}
	q.say("kubeconfig", "%s", kubeconfig)
	fmt.Fprintln(q.e.out)
	get := exec.CommandContext(ctx, q.path("bin", "kubectl"), "--kubeconfig", kubeconfig, "get", "nodes", "-o", "wide")
	get.Stdout, get.Stderr = q.e.out, q.e.err
	if err := get.Run(); err != nil {
		return fmt.Errorf("kubectl get nodes: %w", err)
	}
	fmt.Fprintf(q.e.out, "\nUp after %.1f s. Try next:\n%s", time.Since(begun).Seconds(), next)
	return nil
}

const next = `  . run/openrc                       # the OS_* variables of the admin
  export KUBECONFIG=$PWD/run/kubeconfig PATH=$PWD/bin:$PATH
  kubectl get pods -A
  hanok cluster show test-k8s
  hanok cluster create another --wait
  make down                          # takes everything away again
`

// linkKubectl puts the bundle's kubectl into bin/.
func (q *quickstart) linkKubectl(version string) error {
	target, link := filepath.Join(q.cacheDir, "bundles", version, "bin", "kubectl"), q.path("bin", "kubectl")
	if now, err := os.Readlink(link); err == nil && now == target {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	if err := os.Remove(link); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.Symlink(target, link)
}

func (q *quickstart) startService(ctx context.Context) error {
	url := "http://" + q.listen
	pid, err := serve.Running(q.stateDir)
	if err != nil {
		return err
	}
	if pid == 0 {
		if err := os.MkdirAll(q.stateDir, 0o700); err != nil {
			return err
		}
		program, err := os.Executable()
		if err != nil {
			return err
		}
		args := []string{"--listen", q.listen, "--state-dir", q.stateDir, "--cache-dir", q.cacheDir}
		patience, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if pid, err = serve.Start(patience, program, args, filepath.Join(q.stateDir, serve.LogFile), url); err != nil {
			return err
		}
	} else if !serve.Ready(ctx, url) {
		return fmt.Errorf("process %d serves %s, but %s/readyz does not say ready: see its log, or stop it with: make down", pid, q.stateDir, url)
	}
	q.say("service", "%s (process %d, log %s)", url, pid, filepath.Join(q.stateDir, serve.LogFile))
	return nil
}

// cluster finds the example's cluster or makes it.
func (q *quickstart) cluster(ctx context.Context, c *client.Client, version string) (client.Cluster, error) {
	body, name, err := q.fillRequest(ctx, c, version)
	if err != nil {
		return client.Cluster{}, err
	}
	all, err := c.Clusters(ctx)
	if err != nil {
		return client.Cluster{}, err
	}
	for _, cl := range all {
		if cl.Name != name {
			continue
		}
		if cl, err = c.Cluster(ctx, cl.UUID); err != nil { // lists give no reason
			return cl, err
		}
		switch {
		case strings.HasSuffix(cl.Status, "_FAILED"):
			return cl, failedError{fmt.Sprintf("cluster %s is %s: %s (hanok cluster delete %s; then run this again)", name, cl.Status, cl.StatusReason, name)}
		case cl.Status != "CREATE_IN_PROGRESS":
			q.say("cluster", "%s (%s) is %s", name, cl.UUID, cl.Status)
			return cl, nil
		}
		return q.await(ctx, c, cl.UUID)
	}
	if err := writePrivate(q.path("run", "create-cluster.json"), body); err != nil {
		return client.Cluster{}, err
	}
	q.say("cluster", "POST /v1/clusters with run/create-cluster.json")
	uuid, err := c.CreateCluster(ctx, body)
	if err != nil {
		return client.Cluster{}, fmt.Errorf("create the cluster: %w", err)
	}
	return q.await(ctx, c, uuid)
}

func (q *quickstart) await(ctx context.Context, c *client.Client, uuid string) (client.Cluster, error) {
	begun := time.Now()
	cl, err := waitCreated(ctx, c, newProgress(q.e.err), uuid)
	if err == nil {
		q.say("cluster", "%s (%s) is %s after %.1f s at %s", cl.Name, cl.UUID, cl.Status, time.Since(begun).Seconds(), cl.APIAddress)
	}
	return cl, err
}

// fillRequest gives the example's request with this catalogue's ids, and the
// cluster's name in it.
func (q *quickstart) fillRequest(ctx context.Context, c *client.Client, version string) (body []byte, name string, err error) {
	template, err := os.ReadFile(q.request())
	if err != nil {
		return nil, "", err
	}
	ch, err := c.Choose(ctx, client.Wishes{Version: version, Keypair: quickstartKeypair})
	if err != nil {
		return nil, "", err
	}
	values := map[string]string{
		"FIXED_NETWORK": ch.NetworkID, "FIXED_SUBNET": ch.SubnetID, "FLAVOR_ID": ch.FlavorID, "AVAILABILITY_ZONE": ch.Zone,
		"EXTERNAL_NETWORK_ID": ch.ExternalNet, "EXTERNAL_SUBNET_ID_LIST": ch.ExternalSubnet, "NODE_IMAGE": ch.ImageID,
	}
	filled := os.Expand(string(template), func(k string) string { return values[k] })
	var request map[string]any
	if err := json.Unmarshal([]byte(filled), &request); err != nil {
		return nil, "", fmt.Errorf("%s: %w", q.request(), err)
	}
	name, _ = request["name"].(string)
	if labels, ok := request["labels"].(map[string]any); ok {
		labels["kube_tag"] = version
	}
	body, err = json.MarshalIndent(request, "", "    ")
	return append(body, '\n'), name, err
}
