package agent

import (
	"strings"
	"testing"

	"github.com/hanok/hanok/internal/machine"
)

func TestInOrder(t *testing.T) {
	t.Parallel()
	p := func(name string, after ...string) machine.Process { return machine.Process{Name: name, After: after} }
	tests := []struct {
		name  string
		given []machine.Process
		want  string // names, or the error's text
	}{
		{"nothing", nil, ""},
		{"as given", []machine.Process{p("a"), p("b"), p("c")}, "a b c"},
		{"after", []machine.Process{p("c", "b"), p("b", "a"), p("a")}, "a b c"},
		{"diamond", []machine.Process{p("d", "b", "c"), p("c", "a"), p("b", "a"), p("a")}, "a b c d"},
		{"circle", []machine.Process{p("a", "b"), p("b", "a")}, "waits for itself"},
		{"unknown", []machine.Process{p("a", "x")}, `after "x"`},
		{"twice", []machine.Process{p("a"), p("a")}, "there twice"},
		{"no name", []machine.Process{p("")}, "is empty"},
		{"path as a name", []machine.Process{p("../a")}, "no file name"},
	}
	for _, tt := range tests {
		got, err := inOrder(tt.given)
		var names []string
		for _, p := range got {
			names = append(names, p.Name)
		}
		text := strings.Join(names, " ")
		if err != nil {
			text = err.Error()
		}
		if text != tt.want && (err == nil || !strings.Contains(text, tt.want)) {
			t.Errorf("%s: got %q, want %q", tt.name, text, tt.want)
		}
	}
}
