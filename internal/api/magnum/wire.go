package magnum

import (
	"net/http"
	"time"

	"github.com/hanok/hanok/internal/api/respond"
)

// timestamp writes a time as the guide does, "2021-08-05T01:48:39+00:00", and
// null for one that has not come.
func timestamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format("2006-01-02T15:04:05-07:00")
	return &s
}

// orNull writes an empty text as null.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// links gives the two links of a resource; path begins with "/clusters/".
func links(r *http.Request, path string) []link {
	base := respond.BaseURL(r)
	return []link{{base + "/v1" + path, "self"}, {base + path, "bookmark"}}
}

// uuidBody is the answer of a mutation.
type uuidBody struct {
	UUID string `json:"uuid"`
}
