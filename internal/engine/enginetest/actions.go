package enginetest

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/hanok/hanok"
)

// groupNames are the groups that sequences make and delete.
var groupNames = []string{hanok.DefaultWorkerGroup, "a", "b"}

func (s *sequence) pick(t *rapid.T) (string, *group) {
	name := rapid.SampledFrom(groupNames).Draw(t, "group")
	return name, s.groups[name]
}

// count draws a node count, and tells whether it is one that may be asked for.
func (s *sequence) count(t *rapid.T) (n int, valid bool) {
	if len(s.b.BadCounts) > 0 && rapid.IntRange(0, 9).Draw(t, "bad count") == 0 {
		return rapid.SampledFrom(s.b.BadCounts).Draw(t, "count"), false
	}
	return rapid.IntRange(1, s.b.MaxNodeCount).Draw(t, "count"), true
}

// room skips a call that would add more nodes than there is room for.
func (s *sequence) room(t *rapid.T, more int) {
	there := map[string]int{}
	for _, g := range s.w.State().Groups { // those that are going, too
		there[g.Name] = g.NodeCount
	}
	for name, g := range s.groups {
		there[name] = max(there[name], g.count)
	}
	for _, n := range there {
		more += n
	}
	if more > s.b.MaxNodes {
		t.Skip("no room")
	}
}

func (s *sequence) createGroup(t *rapid.T) {
	name, g := s.pick(t)
	count, valid := s.count(t)
	s.room(t, count)
	want := begins
	switch {
	case !valid:
		want = refused(hanok.KindInvalid)
	case g != nil:
		want = refused(hanok.KindConflict)
	}
	if _, going := s.w.State().group(name); g == nil && going {
		g = &group{busy: true} // the one that was deleted is not gone yet
	}
	if s.call(t, "create "+name, g, want, func() error { return s.w.CreateGroup(name, count) }) {
		s.groups[name] = &group{count: count, busy: true}
	}
}

func (s *sequence) deleteGroup(t *rapid.T) {
	name, g := s.pick(t)
	want := begins
	switch {
	case g == nil:
		want = refused(hanok.KindNotFound)
	case len(s.groups) == 1:
		want = refused(hanok.KindInvalid)
	}
	if g == nil {
		g = &group{busy: true} // it may be on its way out, and a repeat is allowed
	}
	if s.call(t, "delete "+name, g, want, func() error { return s.w.DeleteGroup(name) }) {
		delete(s.groups, name)
	}
}

func (s *sequence) resize(t *rapid.T) {
	name, g := s.pick(t)
	count, valid := s.count(t)
	if g != nil {
		s.room(t, max(0, count-g.count))
	}
	own, foreign := s.w.State().of(name)
	var remove, removed []string
	if rapid.Bool().Draw(t, "named") {
		list := append(slices.Clone(own), foreign...)
		for range rapid.IntRange(0, 3).Draw(t, "names") {
			if len(list) == 0 {
				break
			}
			i := rapid.IntRange(0, len(list)-1).Draw(t, "node")
			valid = valid && list[i].Group == name
			remove = append(remove, list[i].UUID)
			removed = append(removed, list[i].Name)
			list = slices.Delete(list, i, i+1)
		}
	}
	if g != nil && len(remove) > 0 {
		valid = valid && g.count-count == len(remove) && leavesOneRunning(own, remove)
	}
	want := begins
	switch {
	case g == nil && valid:
		want = refused(hanok.KindNotFound)
	case !valid:
		want = refused(hanok.KindInvalid)
	}
	if g == nil {
		g = &group{busy: true} // unknown or going, and the call may be wrong besides
	}
	what := fmt.Sprintf("resize %s to %d without %v", name, count, removed)
	if s.call(t, what, g, want, func() error { return s.w.Resize(name, count, remove) }) && s.groups[name] != nil {
		// Stopped ones go first, or by name: the world tells when it is at rest.
		*g = group{count: count, stopped: -1, busy: true}
	}
}

// leavesOneRunning tells whether a group without some of its nodes still has
// a running one, where it had any.
func leavesOneRunning(own []Node, remove []string) bool {
	had, has, left := false, false, 0
	for _, n := range own {
		runs, stays := n.Status == hanok.NodeActive, !slices.Contains(remove, n.UUID)
		had = had || runs
		has = has || runs && stays
		if stays {
			left++
		}
	}
	return left == 0 || has || !had
}

func (s *sequence) stopNodes(t *rapid.T) {
	s.nodeAction(t, "stop", hanok.NodeActive, s.w.StopNodes)
}

func (s *sequence) startNodes(t *rapid.T) {
	s.nodeAction(t, "start", hanok.NodeShutoff, s.w.StartNodes)
}

// nodeAction stops or starts some nodes of a group, which must all be in the
// status from.
func (s *sequence) nodeAction(t *rapid.T, what string, from hanok.NodeStatus, act func(group string, uuids []string) error) {
	name, g := s.pick(t)
	own, _ := s.w.State().of(name)
	if g == nil || len(own) == 0 {
		t.Skip("no nodes")
	}
	named := own[:rapid.IntRange(1, len(own)).Draw(t, "nodes")]
	uuids := make([]string, len(named))
	for i, n := range named {
		uuids[i] = n.UUID
	}
	want := begins
	if slices.ContainsFunc(named, func(n Node) bool { return n.Status != from }) ||
		from == hanok.NodeActive && !leavesOneRunning(own, uuids) ||
		from == hanok.NodeActive && len(named) == len(own) {
		want = refused(hanok.KindInvalid)
	}
	if s.call(t, fmt.Sprintf("%s %d nodes of %s", what, len(named), name), g, want, func() error { return act(name, uuids) }) {
		g.busy = true
		switch {
		case g.stopped < 0:
		case from == hanok.NodeActive:
			g.stopped += len(named)
		default:
			g.stopped -= len(named)
		}
	}
}

func (s *sequence) changeFlavor(t *rapid.T) {
	name, g := s.pick(t)
	flavor := rapid.SampledFrom(s.b.Flavors[:]).Draw(t, "flavor")
	buffers, parallel := rapid.IntRange(0, 2).Draw(t, "buffers"), rapid.IntRange(1, 3).Draw(t, "parallel")
	state := s.w.State()
	own, _ := state.of(name)
	if g == nil || len(own) == 0 {
		t.Skip("no nodes")
	}
	s.room(t, buffers)
	now, _ := state.group(name)
	want := begins
	switch {
	case now.Flavor == flavor && !slices.ContainsFunc(own, func(n Node) bool { return n.Flavor != flavor }):
		want = refused(hanok.KindInvalid)
	case slices.ContainsFunc(own, func(n Node) bool { return n.Status == hanok.NodeShutoff }):
		want = refused(hanok.KindConflict)
	case parallel > len(own):
		want = refused(hanok.KindInvalid)
	}
	what := fmt.Sprintf("flavor %s of %s with %d buffers, %d at a time", flavor, name, buffers, parallel)
	if s.call(t, what, g, want, func() error { return s.w.ChangeFlavor(name, flavor, buffers, parallel) }) {
		g.busy = true
	}
}

func (s *sequence) crash(*rapid.T) {
	s.w.Crash()
	s.w.Revive()
}

// killAtRest ends a machine that no operation is at: the service starts it
// again, and nothing fails.
func (s *sequence) killAtRest(t *rapid.T) {
	s.settle(t)
	s.kill(t)
}

// killAtWork ends a machine wherever operations are: those may fail by it.
func (s *sequence) killAtWork(t *rapid.T) {
	s.doubt = true
	s.kill(t)
}

func (s *sequence) kill(t *rapid.T) {
	nodes := slices.DeleteFunc(s.w.State().Nodes, func(n Node) bool { return n.Status != hanok.NodeActive })
	if len(nodes) == 0 {
		t.Skip("no machine runs")
	}
	s.w.KillMachine(rapid.SampledFrom(nodes).Draw(t, "machine").UUID)
}

// describe tells of a state in a few lines.
func describe(s State) string {
	var b strings.Builder
	fmt.Fprintf(&b, "the cluster is %s: %s\n", s.Status, s.Reason)
	for _, g := range s.Groups {
		fmt.Fprintf(&b, "  group %s is %s, %d nodes of %s: %s\n", g.Name, g.Status, g.NodeCount, g.Flavor, g.Reason)
	}
	for _, n := range s.Nodes {
		fmt.Fprintf(&b, "  node %s of %s is %s, %s\n", n.Name, n.Group, n.Status, n.Flavor)
	}
	for _, e := range s.Events {
		fmt.Fprintf(&b, "  event %s\n", e)
	}
	return b.String()
}
