package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// result is everything that was measured.
type result struct {
	Host   host           `json:"host"`
	Others []string       `json:"other_installations,omitempty"` // that ran beside
	Floor  []floorOutcome `json:"floor,omitempty"`
	Create []created      `json:"create,omitempty"`
	Nodes  []nodeRun      `json:"nodes,omitempty"`
	Memory *memoryResult  `json:"memory,omitempty"`
}

// spread is the least, the middle and the greatest of some figures.
type spread struct{ min, median, max float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return spread{v[0], (v[(n-1)/2] + v[n/2]) / 2, v[n-1]}
}

// collect gives the spread of one figure over runs.
func collect[T any](runs []T, figure func(T) float64) spread {
	values := make([]float64, len(runs))
	for i, r := range runs {
		values[i] = figure(r)
	}
	return spreadOf(values)
}

// named gives the spreads of figures that go by name, the lowest median
// first. A run that lacks a figure does not count for it.
func named[T any](runs []T, figures func(T) map[string]float64) (names []string, spreads map[string]spread) {
	values := map[string][]float64{}
	for _, r := range runs {
		for name, v := range figures(r) {
			values[name] = append(values[name], v)
		}
	}
	spreads = map[string]spread{}
	for name, v := range values {
		spreads[name] = spreadOf(v)
	}
	names = slices.SortedFunc(maps.Keys(spreads), func(a, b string) int {
		return cmp.Or(cmp.Compare(spreads[a].median, spreads[b].median), cmp.Compare(a, b))
	})
	return names, spreads
}

// write writes the result as a table or as JSON.
func (r *result) write(out io.Writer, format string) error {
	if format == "json" {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	r.print(out)
	return nil
}

func (r *result) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "%d CPUs, %d MiB, Linux %s\n", r.Host.Processors, r.Host.MemoryMB, r.Host.Kernel)
	if len(r.Others) > 0 {
		fmt.Fprintf(out, "DISTURBED: other installations ran beside: %v\n", r.Others)
	}
	row := func(s spread, name string) { fmt.Fprintf(w, "%.2f\t%.2f\t%.2f\t  %s\n", s.min, s.median, s.max, name) }
	section := func(title string) {
		w.Flush()
		fmt.Fprintf(out, "\n%s\n", title)
		fmt.Fprintf(w, "min\tmedian\tmax\t  seconds\n")
	}
	list := func(names []string, spreads map[string]spread) {
		for _, name := range names {
			row(spreads[name], name)
		}
	}
	floor := collect(r.Floor, func(o floorOutcome) float64 { return o.Ready })
	if len(r.Floor) > 0 {
		section(fmt.Sprintf("(a) the bare floor, %d runs", len(r.Floor)))
		list(named(r.Floor, func(o floorOutcome) map[string]float64 { return o.Marks }))
		row(floor, "NODE READY")
	}
	if len(r.Create) > 0 {
		section(fmt.Sprintf("(b) POST to CREATE_COMPLETE with one worker, %d runs", len(r.Create)))
		complete := collect(r.Create, func(c created) float64 { return c.Complete })
		row(complete, "CREATE_COMPLETE")
		section("    steps of the operation: how long each took; they overlap")
		list(named(r.Create, func(c created) map[string]float64 { return c.Steps }))
		section("    in the machines: when, since the POST")
		list(named(r.Create, func(c created) map[string]float64 { return c.Boot }))
		section("(c) marks of timeToK8s, since the POST")
		_, marks := named(r.Create, func(c created) map[string]float64 { return c.Marks })
		list(marksInOrder, marks)
		section("delete: DELETE to 404")
		row(collect(r.Create, func(c created) float64 { return c.Delete }), "GONE")
		list(named(r.Create, func(c created) map[string]float64 { return c.Undo }))
	}
	for _, o := range nodeOperations {
		if len(r.Nodes) == 0 {
			break
		}
		section(fmt.Sprintf("%s: request to the end of its event, %d runs", o.name, len(r.Nodes)))
		row(collect(r.Nodes, func(n nodeRun) float64 { return n[o.name].Total }), "DONE")
		list(named(r.Nodes, func(n nodeRun) map[string]float64 { return n[o.name].Steps }))
	}
	w.Flush()
	if len(r.Floor) > 0 && len(r.Create) > 0 {
		complete := collect(r.Create, func(c created) float64 { return c.Complete })
		fmt.Fprintf(out, "\n(b) is %.2f times (a), by their medians\n", complete.median/floor.median)
	}
	if r.Memory != nil {
		r.Memory.print(out)
	}
}

const mib = 1 << 20

func (m *memoryResult) print(out io.Writer) {
	footprints := []footprint{m.Alone}
	if m.Together.Clusters > 1 {
		footprints = append(footprints, m.Together)
	}
	for _, f := range footprints {
		fmt.Fprintf(out, "\nmemory of %d idle cluster(s) of one worker after %v (proportional set size, MiB)\n", f.Clusters, m.Idle)
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintf(w, "all\tanon\tfile\t\n")
		row := func(s memory, name string) {
			fmt.Fprintf(w, "%.1f\t%.1f\t%.1f\t  %s\n", float64(s.PSS)/mib, float64(s.Anon)/mib, float64(s.File)/mib, name)
		}
		for _, name := range slices.SortedFunc(maps.Keys(f.ByProcess), func(a, b string) int {
			return cmp.Compare(f.ByProcess[b].PSS, f.ByProcess[a].PSS)
		}) {
			row(f.ByProcess[name], name)
		}
		row(f.Machines, "ALL MACHINES")
		if n := int64(f.Clusters); n > 1 {
			row(memory{f.Machines.PSS / n, f.Machines.Anon / n, f.Machines.File / n}, "EACH CLUSTER")
		}
		row(f.Service, "the service")
		w.Flush()
	}
	if m.Stopped != "" {
		fmt.Fprintf(out, "\nno more clusters were made: %s\n", m.Stopped)
	}
	fmt.Fprintf(out, "\n%d cluster(s) made in %.2f s (min), %.2f s (median), %.2f s (max)\n", len(m.Created),
		spreadOf(m.Created).min, spreadOf(m.Created).median, spreadOf(m.Created).max)
	fmt.Fprintf(out, "this host fits %d such clusters by what is promised to them (%d MiB each), %d by what they take\n",
		m.FitByAdmission, m.PromisedMB, m.FitByMemory)
}
