package kube

import (
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestDNSFlowsAreForgotten: a node forgets which replica answered before that
// replica is gone, with a second for the news of its leaving to arrive.
func TestDNSFlowsAreForgotten(t *testing.T) {
	t.Parallel()
	file, err := addonFiles.ReadFile("addons/coredns.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`lameduck (\d+)s`).FindSubmatch(file)
	if m == nil {
		t.Fatal("CoreDNS leaves without a lameduck")
	}
	if lameduck, _ := strconv.Atoi(string(m[1])); lameduck < dnsFlowSeconds+1 {
		t.Errorf("CoreDNS answers for %d s when it leaves, and nodes send queries to it for %d", lameduck, dnsFlowSeconds)
	}
}

// TestDNSFlowRules has nft read the rules, and a program begin after them.
func TestDNSFlowRules(t *testing.T) {
	t.Parallel()
	f := testFacts(t)
	rules := dnsFlows(f)
	if got := strings.Count(string(rules.Content), "ip daddr "+f.dnsAddress().String()+" udp dport 53"); got != 2 {
		t.Errorf("the rules are\n%s", rules.Content)
	}
	argv := withDNSFlows([]string{"echo", "a b", "c"})
	out, err := exec.Command(argv[0], argv[1:]...).Output()
	if err != nil || string(out) != "a b c\n" {
		t.Errorf("%q says %q, %v", argv, out, err)
	}
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("there is no nft to read the rules")
	}
	check := exec.Command("nft", "--check", "-f", "-")
	check.Stdin = strings.NewReader(string(rules.Content))
	if out, err := check.CombinedOutput(); err != nil && !strings.Contains(string(out), "not permitted") {
		t.Errorf("nft: %v\n%s", err, out)
	}
}
