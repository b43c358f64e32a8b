package main

import (
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// result is everything that was measured.
type result struct {
	Host         host          `json:"host"`
	Clusters     int           `json:"clusters"`
	Projects     int           `json:"projects"`
	Measurements []measurement `json:"measurements"`
	MemoryIdle   memory        `json:"memory_idle"`
	MemoryAfter  memory        `json:"memory_after"` // the load
}

type host struct {
	Processors int    `json:"processors"`
	Kernel     string `json:"kernel"`
	Go         string `json:"go"`
}

func thisHost() host {
	var name unix.Utsname
	_ = unix.Uname(&name)
	return host{runtime.NumCPU(), unix.ByteSliceToString(name.Release[:]), runtime.Version()}
}

func (r *result) print(out io.Writer) error {
	fmt.Fprintf(out, "%d CPUs for service and load, Linux %s, %s; %d clusters of %d projects, SQLite\n\n",
		r.Host.Processors, r.Host.Kernel, r.Host.Go, r.Clusters, r.Projects)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "connections\trequests/s\tp50 ms\tp99 ms\tmax ms\tCPU µs\t  request\n")
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	for _, m := range r.Measurements {
		fmt.Fprintf(w, "%d\t%.0f\t%.2f\t%.2f\t%.2f\t%d\t  %s\n", m.Connections, m.Rate, ms(m.P50), ms(m.P99), ms(m.Max), m.CPU.Microseconds(), m.Name)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	const mib = 1 << 20
	_, err := fmt.Fprintf(out, "\nmemory of the service (MiB resident, of it anonymous): %.0f, %.0f before the load; %.0f, %.0f after\n",
		float64(r.MemoryIdle.RSS)/mib, float64(r.MemoryIdle.Anon)/mib, float64(r.MemoryAfter.RSS)/mib, float64(r.MemoryAfter.Anon)/mib)
	return err
}
