package hanok

import (
	"slices"
	"strings"
)

// flavorFamily gives the family of a flavor by its name: "m2" of "m2.c2m4".
func flavorFamily(name string) string {
	family, _, _ := strings.Cut(name, ".")
	return family
}

// exchangeable are the families between which nodes may change (guide, "Change
// Node Group Instance Flavor").
var exchangeable = []string{"m2", "c2", "r2", "t2", "x1"}

// fixedFamily neither takes nodes in nor lets them go: its disks are local.
const fixedFamily = "u2"

// CheckFlavorChange tells whether nodes may change from one flavor to another,
// both by name. The KindInvalid error names field.
func CheckFlavorChange(field, from, to string) error {
	a, b := flavorFamily(from), flavorFamily(to)
	switch {
	case a == fixedFamily:
		return Invalid(field, "nodes of flavor %s cannot change: the family %s is fixed; make a new node group instead", from, fixedFamily)
	case b == fixedFamily:
		return Invalid(field, "nodes cannot change to flavor %s: the family %s is fixed; make a new node group instead", to, fixedFamily)
	case a == b, slices.Contains(exchangeable, a) && slices.Contains(exchangeable, b):
		return nil
	}
	return Invalid(field, "nodes cannot change from flavor %s to %s: only the families %s are exchangeable; make a new node group instead",
		from, to, strings.Join(exchangeable, ", "))
}
