package hanok

import (
	"cmp"
	"slices"
	"strings"
	"testing"
)

func TestCompareVersions(t *testing.T) {
	t.Parallel()
	inOrder := []string{"no version", "v0.0.1", "v1.9.11", "v1.30.3", "v1.30.10", "v10.0.9999"}
	for i, a := range inOrder {
		for j, b := range inOrder {
			if got := CompareVersions(a, b); got != cmp.Compare(i, j) {
				t.Errorf("CompareVersions(%q, %q) = %d", a, b, got)
			}
		}
	}
	for _, s := range []string{"", "1.30.3", "v1.30", "v1.30.3.1", "v1.030.3", "v1.30.3 ", "v1.30.99999", "V1.30.3", "v1.30.3-rc.0", "v1.30.-3"} {
		if CompareVersions(s, "v0.0.0") >= 0 {
			t.Errorf("%q is taken for a version", s)
		}
	}
}

func TestKnownVersionsAreInOrder(t *testing.T) {
	t.Parallel()
	last := ""
	for _, s := range knownVersions {
		if CompareVersions(s, last) <= 0 {
			t.Errorf("%s does not come after %s", s, last)
		}
		last = s
	}
	for _, s := range offeredVersions {
		if !slices.Contains(knownVersions, s) {
			t.Errorf("%s is offered and not known", s)
		}
	}
}

func TestCheckCreatable(t *testing.T) {
	t.Parallel()
	bundles := []string{"v1.30.3", "v1.28.3", "v1.31.4", "v9.9.9"}
	for version, want := range map[string]string{
		"v1.30.3": "",
		"v1.28.3": "",
		"v1.29.3": "hanok bundle build v1.29.3",
		"v1.23.3": "v1.23.3 can not be created (creatable: v1.28.3, v1.30.3)",
		"v1.31.4": "v1.31.4 can not be created", // a bundle alone does not make it offered
		"v9.9.9":  "is not a known Kubernetes version",
		"1.30.3":  "is not a known Kubernetes version",
		"":        "is not a known Kubernetes version",
		"latest":  "is not a known Kubernetes version",
	} {
		err := CheckCreatable("labels.kube_tag", version, bundles)
		if want == "" && err != nil {
			t.Errorf("%s: %v", version, err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "labels.kube_tag: ") || KindOf(err) != KindInvalid) {
			t.Errorf("%s: error %v; want %q", version, err, want)
		}
	}
	if err := CheckCreatable("f", "v1.30.3", nil); err == nil || !strings.Contains(err.Error(), "no bundle is built") {
		t.Errorf("without bundles: %v", err)
	}
}

func TestSupportedVersions(t *testing.T) {
	t.Parallel()
	got := SupportedVersions([]string{"v1.30.3"})
	if len(got) != len(knownVersions) || !got["v1.30.3"] || got["v1.29.3"] || got["v1.17.6"] {
		t.Errorf("got %v", got)
	}
}

func TestOfferedVersionsStay(t *testing.T) {
	t.Parallel()
	before := slices.Clone(offeredVersions)
	creatableVersions([]string{"v1.30.3", "v1.27.3"})
	if !slices.Equal(offeredVersions, before) {
		t.Errorf("a caller changed the list: %v", offeredVersions)
	}
}
