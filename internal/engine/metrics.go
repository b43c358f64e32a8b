package engine

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hanok/hanok"
)

// metrics are what operators watch operations by.
type metrics struct {
	finished *prometheus.CounterVec
	duration *prometheus.HistogramVec
	step     *prometheus.HistogramVec
	running  *prometheus.GaugeVec
	taken    prometheus.Counter
	health   *prometheus.GaugeVec
}

// newMetrics makes the metrics and registers them where reg is not nil.
func newMetrics(reg prometheus.Registerer) *metrics {
	seconds := []float64{0.05, 0.1, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 15, 30, 60, 300, 1800}
	m := &metrics{
		finished: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hanok_operations_total", Help: "Operations that ended, by type and state.",
		}, []string{"type", "state"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "hanok_operation_duration_seconds", Help: "Time from the request to the end of an operation.",
			Buckets: seconds,
		}, []string{"type", "state"}),
		step: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "hanok_operation_step_duration_seconds", Help: "Time that a step of an operation took.",
			Buckets: seconds,
		}, []string{"type", "step"}),
		running: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "hanok_operations_running", Help: "Operations that this service is working on.",
		}, []string{"type"}),
		taken: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hanok_operations_resumed_total", Help: "Operations taken over from a service that ended.",
		}),
		health: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "hanok_clusters_by_health", Help: "Clusters by health at the last look.",
		}, []string{"health"}),
	}
	if reg != nil {
		reg.MustRegister(m.finished, m.duration, m.step, m.running, m.taken, m.health)
	}
	return m
}

func (m *metrics) end(t hanok.EventType, state hanok.EventState, took time.Duration) {
	m.finished.WithLabelValues(string(t), string(state)).Inc()
	m.duration.WithLabelValues(string(t), string(state)).Observe(took.Seconds())
}
