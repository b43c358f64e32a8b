package hanok

import (
	"regexp"
	"strings"
)

// nameMaxLength is the longest name of a cluster or a node group.
const nameMaxLength = 32

var (
	nameRule = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)
	uuidRule = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	hex32    = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// CheckName checks the name of a cluster or a node group. Names and UUIDs
// stand in the same place of a URL, so a name must not look like a UUID, with
// or without its hyphens.
func CheckName(field, name string) error {
	switch {
	case name == "":
		return Invalid(field, "must not be empty")
	case hex32.MatchString(strings.ReplaceAll(strings.ToLower(name), "-", "")):
		return Invalid(field, "%q looks like a UUID; choose another name", name)
	case len(name) > nameMaxLength:
		return Invalid(field, "has %d characters; at most %d are allowed", len(name), nameMaxLength)
	case !nameRule.MatchString(name):
		return Invalid(field, "%q must consist of lowercase letters, digits and '-', begin with a letter, and end with a letter or a digit", name)
	}
	return nil
}

// IsUUID tells whether s is a UUID in its canonical form (RFC 4122), in upper
// or lower case.
func IsUUID(s string) bool { return uuidRule.MatchString(strings.ToLower(s)) }
