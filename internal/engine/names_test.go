package engine

import (
	"regexp"
	"strings"
	"testing"

	"github.com/hanok/hanok"
)

func TestNodeNames(t *testing.T) {
	t.Parallel()
	long := "a" + strings.Repeat("b", 31)
	tests := []struct {
		cluster, group string
		n              int
		want           string // a regular expression
	}{
		{"prod", "default-worker", 0, `^prod-default-w-[a-z2-7]{12}-node-0$`},
		{"prod", "gpu", 12, `^prod-gpu-[a-z2-7]{12}-node-12$`},
		{"prod", "abcdefgh-x", 1, `^prod-abcdefgh-[a-z2-7]{12}-node-1$`},
		{long, "default-worker", 0, `^` + long + `-default-w-[a-z2-7]{12}-node-0$`},
		{long, "default-worker", 100, `^ab+-default-w-[a-z2-7]{12}-node-100$`},
	}
	for _, tt := range tests {
		got := workerName(hanok.Cluster{Name: tt.cluster}, hanok.NodeGroup{UUID: "u", Name: tt.group}, tt.n)
		if !regexp.MustCompile(tt.want).MatchString(got) || len(got) > 63 {
			t.Errorf("workerName(%s, %s, %d) = %s (%d letters), want %s", tt.cluster, tt.group, tt.n, got, len(got), tt.want)
		}
	}
	if got := masterName(hanok.Cluster{Name: "nks-test"}, 0); got != "nks-test-master-0" {
		t.Errorf("masterName = %s", got)
	}
	a := workerName(hanok.Cluster{Name: "c"}, hanok.NodeGroup{UUID: "u1", Name: "g"}, 0)
	b := workerName(hanok.Cluster{Name: "c"}, hanok.NodeGroup{UUID: "u2", Name: "g"}, 0)
	if a == b {
		t.Errorf("workers of two groups have one name: %s", a)
	}
}
