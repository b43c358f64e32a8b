package agent

import (
	"os"
	"testing"
)

func TestParseProcStat(t *testing.T) {
	t.Parallel()
	rest := " S 17 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20"
	for _, name := range []string{"sh", "a b", "x) S 99 (y"} {
		got, err := parseProcStat([]byte("123 (" + name + ")" + rest))
		if err != nil || got.parent != 17 || got.startTime != 4711 {
			t.Errorf("%q: %+v, %v", name, got, err)
		}
	}
	if _, err := parseProcStat([]byte("123 (sh) S 1")); err == nil {
		t.Error("a short line was taken")
	}
	if got, err := readProcStat(os.Getpid()); err != nil || got.parent != os.Getppid() || got.startTime == 0 {
		t.Errorf("ourselves: %+v, %v", got, err)
	}
}
