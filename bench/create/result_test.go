package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSpreadOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		want   spread
	}{
		{nil, spread{}},
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{3, 1, 2}, spread{1, 2, 3}},
		{[]float64{4, 1, 2, 10}, spread{1, 3, 10}},
	} {
		if got := spreadOf(c.values); got != c.want {
			t.Errorf("spreadOf(%v) = %v, want %v", c.values, got, c.want)
		}
	}
}

func TestNamedSortsByMedianAndToleratesGaps(t *testing.T) {
	t.Parallel()
	runs := []map[string]float64{{"late": 5, "early": 1}, {"late": 7, "early": 3, "once": 2}}
	names, spreads := named(runs, func(m map[string]float64) map[string]float64 { return m })
	if !slices.Equal(names, []string{"early", "once", "late"}) {
		t.Errorf("names = %v", names)
	}
	if got, want := spreads["late"], (spread{5, 6, 7}); got != want {
		t.Errorf("late = %v, want %v", got, want)
	}
}

func TestPrint(t *testing.T) {
	t.Parallel()
	r := result{
		Floor:  []floorOutcome{{Ready: 4, Marks: map[string]float64{"etcd ready": 0.25}}},
		Create: []created{{Complete: 5, Marks: map[string]float64{markDNS: 9}, Delete: 0.5}},
		Memory: &memoryResult{
			Idle: time.Minute, Created: []float64{5},
			Alone:    footprint{Clusters: 1, ByProcess: map[string]memory{"etcd": {PSS: 40 * mib, Anon: 10 * mib, File: 30 * mib}}},
			Together: footprint{Clusters: 1},
		},
	}
	var b bytes.Buffer
	r.print(&b)
	for _, want := range []string{"NODE READY", "(b) is 1.25 times (a)", "9.00", "40.0  10.0  30.0  etcd"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in:\n%s", want, b.String())
		}
	}
	if strings.Count(b.String(), "memory of") != 1 {
		t.Errorf("one cluster is shown more than once:\n%s", b.String())
	}
}
