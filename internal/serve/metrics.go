package serve

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/hanok/hanok/internal/infra"
	"github.com/hanok/hanok/internal/store"
)

// newRegistry gives the metrics of the process and of this installation.
// Nothing in them is named after a user, a project or a cluster.
func newRegistry(version string, st store.Store, driver infra.Driver) *prometheus.Registry {
	r := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "hanok_build_info",
		Help:        "The version of this program; always 1.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		info,
		&inventory{store: st, driver: driver},
	)
	return r
}

// inventory collects, at each scrape, what the installation holds.
type inventory struct {
	store  store.Store
	driver infra.Driver
}

var (
	clustersDesc = prometheus.NewDesc("hanok_clusters_by_status", "Clusters by status.", []string{"status"}, nil)
	nodesDesc    = prometheus.NewDesc("hanok_nodes", "Machines by role and status.", []string{"role", "status"}, nil)
	capacityDesc = prometheus.NewDesc("hanok_capacity", "What the driver has, by resource (vcpus, memory_mib, disk_gib).", []string{"resource"}, nil)
	usedDesc     = prometheus.NewDesc("hanok_capacity_used", "What is promised to machines, by resource.", []string{"resource"}, nil)
)

// Describe implements prometheus.Collector.
func (i *inventory) Describe(ch chan<- *prometheus.Desc) {
	ch <- clustersDesc
	ch <- nodesDesc
	ch <- capacityDesc
	ch <- usedDesc
}

// Collect implements prometheus.Collector. What cannot be read is an invalid
// metric: the scrape shows the error.
func (i *inventory) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	clusters := map[string]int{}
	nodes := map[[2]string]int{}
	err := i.store.View(ctx, func(tx store.Tx) error {
		cs, err := tx.Clusters("")
		if err != nil {
			return err
		}
		for _, c := range cs {
			clusters[string(c.Status)]++
		}
		ns, err := tx.AllNodes("")
		for _, n := range ns {
			nodes[[2]string{n.Role, string(n.Status)}]++
		}
		return err
	})
	if err != nil {
		ch <- prometheus.NewInvalidMetric(clustersDesc, err)
	}
	for status, n := range clusters {
		ch <- prometheus.MustNewConstMetric(clustersDesc, prometheus.GaugeValue, float64(n), status)
	}
	for k, n := range nodes {
		ch <- prometheus.MustNewConstMetric(nodesDesc, prometheus.GaugeValue, float64(n), k[0], k[1])
	}
	c, err := i.driver.Capacity(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(capacityDesc, err)
		return
	}
	for _, v := range []struct {
		resource    string
		total, used float64
	}{
		{"vcpus", float64(c.VCPUs) * max(c.CPUOvercommit, 1), float64(c.UsedVCPUs)},
		{"memory_mib", float64(c.MemoryMB), float64(c.UsedMemoryMB)},
		{"disk_gib", float64(c.DiskGB), float64(c.UsedDiskGB)},
	} {
		ch <- prometheus.MustNewConstMetric(capacityDesc, prometheus.GaugeValue, v.total, v.resource)
		ch <- prometheus.MustNewConstMetric(usedDesc, prometheus.GaugeValue, v.used, v.resource)
	}
}

// requestMetrics counts requests and their time.
type requestMetrics struct{ took *prometheus.HistogramVec }

func newRequestMetrics(r prometheus.Registerer) *requestMetrics {
	m := &requestMetrics{took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "hanok_http_request_duration_seconds",
		Help:    "Time that requests took, by service, method and status.",
		Buckets: []float64{.001, .005, .025, .1, .5, 2.5, 10},
	}, []string{"service", "method", "status"})}
	r.MustRegister(m.took)
	return m
}

func (m *requestMetrics) observe(service, method string, status int, took time.Duration) {
	m.took.WithLabelValues(service, knownMethod(method), fmt.Sprint(status)).Observe(took.Seconds())
}

// knownMethod keeps callers from making label values.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}
