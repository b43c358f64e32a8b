package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// metrics reads the service's metrics: values by name and labels, as printed.
func (s *service) metrics(ctx context.Context) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	values := map[string]float64{}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		name, text, ok := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(text, 64); ok && err == nil {
			values[name] = v
		}
	}
	return values, lines.Err()
}

var stepSum = regexp.MustCompile(`^hanok_operation_step_duration_seconds_sum\{step="([^"]*)",type="([^"]*)"\}$`)

// stepTimes gives the sum of the seconds that each step of an operation has
// taken so far.
func (s *service) stepTimes(ctx context.Context, operation string) (map[string]float64, error) {
	values, err := s.metrics(ctx)
	if err != nil {
		return nil, err
	}
	times := map[string]float64{}
	for name, v := range values {
		if m := stepSum.FindStringSubmatch(name); m != nil && m[2] == operation {
			times[m[1]] = v
		}
	}
	return times, nil
}

// capacity gives the memory that machines may have, and have, in MiB.
func (s *service) capacity(ctx context.Context) (total, used int64, err error) {
	values, err := s.metrics(ctx)
	if err != nil {
		return 0, 0, err
	}
	const label = `{resource="memory_mib"}`
	total, used = int64(values["hanok_capacity"+label]), int64(values["hanok_capacity_used"+label])
	if total <= 0 || used <= 0 {
		return 0, 0, fmt.Errorf("%s/metrics tells no capacity", s.url)
	}
	return total, used, nil
}

// less takes the times of before from those of now.
func less(now, before map[string]float64) map[string]float64 {
	d := map[string]float64{}
	for k, v := range now {
		d[k] = v - before[k]
	}
	return d
}

// bootMarks gives, in seconds after since, the moments of the boot that the
// agents of the installation's machines have on record, by role and mark.
func bootMarks(installation string, since time.Time) (map[string]float64, error) {
	processes, err := processesOf(installation)
	if err != nil {
		return nil, err
	}
	all := map[string]float64{}
	for _, p := range processes {
		if p.Name != agentName {
			continue
		}
		var boot struct{ Marks map[string]time.Time }
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/root/run/hanok/boot.json", p.PID))
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(content, &boot); err != nil {
			return nil, err
		}
		role := "member"
		if _, ok := boot.Marks["process:kubelet:started"]; ok {
			role = "worker"
		}
		for mark, at := range boot.Marks {
			all[role+" "+strings.TrimPrefix(mark, "process:")] = at.Sub(since).Seconds()
		}
	}
	return all, nil
}
