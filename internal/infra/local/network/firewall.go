package network

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Docker sets the host's FORWARD chain to drop what it does not know, and
// leaves the chain DOCKER-USER to others. A rule there lets our traffic pass
// on; our own table has judged it before.

// passRule is a rule of ours in DOCKER-USER.
type passRule struct {
	text         string // as iptables -S prints it
	installation string
}

const userChain = "DOCKER-USER"

var passRE = regexp.MustCompile(`--comment "?hanok-([0-9a-f]{6})"?`)

// passFirewalls lets machines through a host firewall that drops forwarded
// packets, where it offers a place for that, and warns where it does not.
func (m *Manager) passFirewalls(ctx context.Context) error {
	return inNamespace(m.site.host, func() error {
		out, err := run(ctx, "", "iptables", "-w", "5", "-S")
		if err != nil {
			return m.warnOfDrop(ctx) // no iptables, or not usable here
		}
		if !strings.Contains(out, "-N "+userChain+"\n") {
			return m.warnOfDrop(ctx)
		}
		for _, direction := range []string{"-i", "-o"} {
			rule := []string{direction, m.names.linkPrefix() + "+", "-m", "comment", "--comment", m.names.table(), "-j", "ACCEPT"}
			if _, err := run(ctx, "", "iptables", append([]string{"-w", "5", "-C", userChain}, rule...)...); err == nil {
				continue
			}
			if _, err := run(ctx, "", "iptables", append([]string{"-w", "5", "-I", userChain}, rule...)...); err != nil {
				return fmt.Errorf("let machines through Docker's firewall: %w", err)
			}
		}
		return nil
	})
}

// warnOfDrop warns of chains that drop what our table has let through: the
// packet is judged by every table.
func (m *Manager) warnOfDrop(ctx context.Context) error {
	out, err := nft(ctx, "", "list", "chains")
	if err != nil {
		return fmt.Errorf("look for other firewalls: %w", err)
	}
	chains := droppingChains(out)
	m.host.Lock()
	known := m.dropping
	m.dropping = chains
	m.host.Unlock()
	for _, c := range chains {
		if slices.Contains(known, c) {
			continue
		}
		m.log.Warn("the host's firewall drops packets that it has no rule for: machines may not reach the service or the internet until it accepts those of our interfaces",
			"chain", c, "interfaces", m.names.linkPrefix()+"*")
	}
	return nil
}

var (
	tableLine = regexp.MustCompile(`^table (\S+ \S+) \{`)
	chainLine = regexp.MustCompile(`^\s+chain (\S+) \{`)
	dropLine  = regexp.MustCompile(`hook (forward|input) .*policy drop;`)
)

// droppingChains finds, in nft's listing of chains, those that are hooked into
// forward or input with the policy drop.
func droppingChains(listing string) []string {
	var list []string
	var table, chain string
	for line := range strings.Lines(listing) {
		if f := tableLine.FindStringSubmatch(line); f != nil {
			table = f[1]
		} else if f := chainLine.FindStringSubmatch(line); f != nil {
			chain = f[1]
		} else if dropLine.MatchString(line) {
			list = append(list, table+" "+chain)
		}
	}
	return list
}

// passRules lists installations' rules in DOCKER-USER.
func (s site) passRules(ctx context.Context) ([]passRule, error) {
	if _, err := findProgram("iptables"); err != nil {
		return nil, nil // without it none was made
	}
	var list []passRule
	err := inNamespace(s.host, func() error {
		out, err := run(ctx, "", "iptables", "-w", "5", "-S", userChain)
		if err != nil {
			return nil // no such chain
		}
		for line := range strings.Lines(out) {
			if f := passRE.FindStringSubmatch(line); f != nil {
				list = append(list, passRule{text: strings.TrimSpace(line), installation: f[1]})
			}
		}
		return nil
	})
	return list, err
}

// removePassRules removes the installation's rules from DOCKER-USER.
func (s site) removePassRules(ctx context.Context, inst string) error {
	rules, err := s.passRules(ctx)
	if err != nil {
		return err
	}
	for _, r := range rules {
		if r.installation != inst {
			continue
		}
		args := strings.Fields(strings.ReplaceAll(strings.TrimPrefix(r.text, "-A "), `"`, ""))
		err := inNamespace(s.host, func() error {
			_, err := run(ctx, "", "iptables", append([]string{"-w", "5", "-D"}, args...)...)
			return err
		})
		if err != nil {
			return fmt.Errorf("remove our rule from Docker's firewall: %w", err)
		}
	}
	return nil
}
