package hardware

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const twoProcessors = `processor	: 0
model name	: Some CPU
physical id	: 0
siblings	: 2
core id		: 0
cpu cores	: 2
apicid		: 0

processor	: 1
model name	: Some CPU
physical id	: 1
siblings	: 2
core id		: 1
cpu cores	: 2
apicid		: 1

`

func TestRewriteCPUInfo(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 5} {
		got := rewriteCPUInfo(twoProcessors, n)
		for pattern, want := range map[string]int{
			`(?m)^processor\t: \d+$`:      n,
			`(?m)^model name\t: Some`:     n,
			`(?m)^physical id\t: 0$`:      n,
			`(?m)^(cpu cores|siblings)`:   2 * n,
			`(?m)^core id\t\t: (0|[1-4])`: n,
		} {
			if found := len(regexp.MustCompile(pattern).FindAllString(got, -1)); found != want {
				t.Errorf("%d processors: %s matches %d times, want %d:\n%s", n, pattern, found, want, got)
			}
		}
		ids := map[string]bool{}
		for _, m := range regexp.MustCompile(`(?m)^core id\s*:\s*([0-9]+)$`).FindAllString(got, -1) {
			ids[m] = true
		}
		if len(ids) != n {
			t.Errorf("%d processors have %d different cores", n, len(ids))
		}
	}
	const other = "Hardware : something\n"
	if got := rewriteCPUInfo(other, 3); got != other {
		t.Errorf("a host without processor blocks gives %q", got)
	}
}

func TestRewriteMemInfo(t *testing.T) {
	t.Parallel()
	host := "MemTotal:       24684096 kB\nMemFree:        20663960 kB\nCached: 3 kB\nSwapTotal:       1024 kB\nHugePages_Total:       7\nHugepagesize:       2048 kB\n"
	got := rewriteMemInfo(host, 1536)
	for _, want := range []string{
		"MemTotal:        1572864 kB\n", "MemFree:         1572864 kB\n", "Cached:                0 kB\n",
		"SwapTotal:             0 kB\n", "HugePages_Total:       0\n", "Hugepagesize:       2048 kB\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "hardware")
	const id = "0f7a3f0e-9f4b-4b46-8a5d-0d5f0c3d9c11"
	for _, n := range []int{7, 3} { // the second one replaces the first
		faces, err := Write(dir, Shape{VCPUs: n, MemoryMB: 2048, UUID: id})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range faces {
			if !exists(f.Source) || !exists(f.Destination) {
				t.Errorf("face %+v has no source or nothing to cover", f)
			}
		}
		cpus, err := filepath.Glob(filepath.Join(dir, "node/node0/cpu[0-9]*/topology/core_id"))
		if err != nil || len(cpus) != n {
			t.Errorf("the node leads to %d processors (%v), want %d", len(cpus), err, n)
		}
	}
	for file, want := range map[string]string{
		"class/dmi/id/product_uuid": id + "\n", "cpu/online": "0-2\n",
	} {
		if raw, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(raw) != want {
			t.Errorf("%s holds %q (%v), want %q", file, raw, err, want)
		}
	}
	if got := rangeOf(1); got != "0\n" {
		t.Errorf("one processor is %q", got)
	}
}
