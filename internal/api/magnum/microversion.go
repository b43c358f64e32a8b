package magnum

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
)

// The microversions. 1.13 would rename stack_id, which NKS keeps.
const (
	serviceType     = "container-infra"
	versionHeader   = "OpenStack-API-Version"
	minMicroversion = 1
	maxMicroversion = 12
)

var microversionRule = regexp.MustCompile(`^1\.(0|[1-9][0-9]{0,4})$`)

// microversion reads the wanted microversion and answers with the headers
// that Magnum has; one that is malformed or unsupported is 406. No answer
// differs between the supported ones.
func microversion(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		minor, err := wantedMicroversion(r.Header.Values(versionHeader))
		h := w.Header()
		h.Set("OpenStack-API-Minimum-Version", fmt.Sprintf("%s 1.%d", serviceType, minMicroversion))
		h.Set("OpenStack-API-Maximum-Version", fmt.Sprintf("%s 1.%d", serviceType, maxMicroversion))
		h.Add("Vary", versionHeader)
		if err != nil {
			respond.Error(w, r, respond.Magnum, err)
			return
		}
		h.Set(versionHeader, fmt.Sprintf("%s 1.%d", serviceType, minor))
		next.ServeHTTP(w, r)
	})
}

// wantedMicroversion reads the header's values ("container-infra 1.9", also
// several services in a list) and gives the minor number.
func wantedMicroversion(values []string) (int, error) {
	all := strings.Join(values, ",")
	if strings.TrimSpace(all) == "" {
		return minMicroversion, nil
	}
	for part := range strings.SplitSeq(all, ",") {
		words := strings.Fields(part)
		if len(words) != 2 {
			return 0, notAcceptable("%s must be written as %q", hanok.Quote(part), serviceType+" 1.9")
		}
		if words[0] != serviceType {
			continue
		}
		if strings.EqualFold(words[1], "latest") {
			return maxMicroversion, nil
		}
		m := microversionRule.FindStringSubmatch(words[1])
		if m == nil {
			return 0, notAcceptable("%s is not a version of %s", hanok.Quote(words[1]), serviceType)
		}
		minor, _ := strconv.Atoi(m[1]) // the rule lets only small numbers through
		if minor < minMicroversion || minor > maxMicroversion {
			return 0, notAcceptable("version 1.%d is not supported; 1.%d to 1.%d are", minor, minMicroversion, maxMicroversion)
		}
		return minor, nil
	}
	return 0, notAcceptable("%s names no version of %s", hanok.Quote(all), serviceType)
}

func notAcceptable(format string, args ...any) error {
	return &hanok.Error{Kind: hanok.KindNotAcceptable, Field: versionHeader, Detail: fmt.Sprintf(format, args...)}
}
