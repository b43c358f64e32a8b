package hanok

import (
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{ // "" is allowed, else part of the error
		"a":                                    "",
		"test-k8s":                             "",
		"k8s1":                                 "",
		"a" + strings.Repeat("b", 31):          "looks like a UUID", // 32 hexadecimal digits
		"a" + strings.Repeat("z", 31):          "",
		"a" + strings.Repeat("z", 32):          "at most 32",
		"":                                     "empty",
		"1abc":                                 "begin with a letter",
		"-abc":                                 "begin with a letter",
		"abc-":                                 "end with a letter",
		"Abc":                                  "lowercase",
		"a_b":                                  "lowercase",
		"a.b":                                  "lowercase",
		"a b":                                  "lowercase",
		"a\n":                                  "lowercase",
		"ab\x00":                               "lowercase",
		"한옥":                                   "lowercase",
		"abcdefab-cdef-abcd-efab-cdefabcdefab": "looks like a UUID",
		"ABCDEFAB-CDEF-ABCD-EFAB-CDEFABCDEFAB": "looks like a UUID",
		"abcdefabcdefabcdefabcdefabcdefab":     "looks like a UUID",
		"6ef27f21-c774-4c0e-84ff-7dd4a762571f": "looks like a UUID",
	} {
		err := CheckName("name", name)
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v; want it allowed", name, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: error %v; want one with %q", name, err, want)
		case want != "" && (KindOf(err) != KindInvalid || !strings.HasPrefix(err.Error(), "name: ")):
			t.Errorf("%q: %v does not name the field as an invalid one", name, err)
		}
	}
}

func TestIsUUID(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"6ef27f21-c774-4c0e-84ff-7dd4a762571f":   true,
		"6EF27F21-C774-4C0E-84FF-7DD4A762571F":   true,
		"6ef27f21c7744c0e84ff7dd4a762571f":       false,
		"6ef27f21-c774-4c0e-84ff-7dd4a762571":    false,
		"6ef27f21-c774-4c0e-84ff-7dd4a762571g":   false,
		"{6ef27f21-c774-4c0e-84ff-7dd4a762571f}": false,
		"6ef27f21-c774-4c0e-84ff-7dd4a762571f\n": false,
		"":                                       false,
	} {
		if got := IsUUID(s); got != want {
			t.Errorf("IsUUID(%q) = %v, want %v", s, got, want)
		}
	}
}
