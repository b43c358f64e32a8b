package hanok

import (
	"strings"
	"testing"
)

func TestCheckFlavorChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"m2.c2m4", "m2.c4m8", true}, {"m2.c2m4", "x1.c4m8", true}, {"t2.c1m1", "r2.c2m8", true}, {"c2.c2m2", "m2.c1m2", true}, {"m2.c2m4", "m2.c2m4", true},
		{"g2.a", "g2.b", true}, {"own", "own", true},
		{"m2.c2m4", "u2.c2m4", false}, {"u2.c2m4", "m2.c2m4", false}, {"u2.c2m4", "u2.c4m8", false}, {"m2.c2m4", "g2.a", false}, {"g2.a", "m2.c2m4", false},
	} {
		err := CheckFlavorChange("flavor_id", c.from, c.to)
		if (err == nil) != c.ok {
			t.Errorf("%s → %s: %v", c.from, c.to, err)
		}
		if err != nil && (KindOf(err) != KindInvalid || !strings.HasPrefix(err.Error(), "flavor_id: ")) {
			t.Errorf("%s → %s: the error %v names no field", c.from, c.to, err)
		}
	}
}
