package api

import (
	"net/http"
	"strings"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
)

// plainPaths lets only paths through that every router below reads the same
// way, so that none answers with a redirect to another resource. A slash that
// clients double where they put addresses together counts once; no name here
// may hold a slash or be "." or "..".
func plainPaths(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		for segment := range strings.SplitSeq(path, "/") {
			if segment == "." || segment == ".." {
				respond.Error(w, r, styleOf(path), hanok.Errorf(hanok.KindNotFound, "there is nothing at %s", hanok.Quote(path)))
				return
			}
		}
		// RawPath is there where the path was not in its plain encoding.
		if raw := r.URL.RawPath; raw != "" && strings.Count(raw, "/") != strings.Count(path, "/") {
			respond.Error(w, r, styleOf(path), hanok.Errorf(hanok.KindNotFound, "there is nothing at %s: no name holds a slash", hanok.Quote(path)))
			return
		}
		if strings.Contains(path, "//") {
			r = r.Clone(r.Context())
			for strings.Contains(r.URL.Path, "//") {
				r.URL.Path = strings.ReplaceAll(r.URL.Path, "//", "/")
			}
			for strings.Contains(r.URL.RawPath, "//") {
				r.URL.RawPath = strings.ReplaceAll(r.URL.RawPath, "//", "/")
			}
		}
		next.ServeHTTP(w, r)
	})
}

// styleOf is the form of the errors of the service that a path belongs to.
func styleOf(path string) respond.Style {
	service, _, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
	switch service {
	case "identity":
		return respond.Keystone
	case "compute":
		return respond.Nova
	case "network":
		return respond.Neutron
	case "image":
		return respond.Glance
	case "volume":
		return respond.Cinder
	default:
		return respond.Magnum
	}
}
