package magnum

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
)

// maxPage is the most entries of one page, as in Magnum.
const maxPage = 1000

// page is what a list request asks for.
type page struct {
	limit   int // 0: not sent
	marker  string
	sortKey string
	sortDir string
	self    string // the list's own URL without a query
	rest    url.Values
}

// sortKeys gives the text to sort by for each key. The key "uuid" must be
// there: it names the entry that a marker means.
type sortKeys[T any] map[string]func(T) string

func readPage(r *http.Request) (page, error) {
	q := r.URL.Query()
	p := page{marker: q.Get("marker"), sortKey: q.Get("sort_key"), sortDir: q.Get("sort_dir"), self: respond.BaseURL(r) + r.URL.Path, rest: q}
	if v := q.Get("limit"); q.Has("limit") {
		n, err := strconv.Atoi(v)
		if err != nil {
			return p, hanok.Invalid("limit", "%s must be an integer", hanok.Quote(v))
		}
		if n <= 0 {
			return p, hanok.Invalid("limit", "%d must be greater than 0", n)
		}
		p.limit = n
	}
	switch p.sortDir {
	case "", "asc", "desc":
	default:
		return p, hanok.Invalid("sort_dir", `%s must be "asc" or "desc"`, hanok.Quote(p.sortDir))
	}
	return p, nil
}

// paginate sorts, and cuts one page out. Without a sort key, or with "id",
// the order is that of all, oldest first. next is the URL of the page after a
// full one, "" after the last.
func paginate[T any](p page, all []T, keys sortKeys[T]) (entries []T, next string, err error) {
	all = slices.Clone(all)
	if p.sortKey != "" && p.sortKey != "id" {
		key, ok := keys[p.sortKey]
		if !ok {
			return nil, "", hanok.Invalid("sort_key", "%s is not a field to sort by", hanok.Quote(p.sortKey))
		}
		slices.SortStableFunc(all, func(x, y T) int { return cmp.Compare(key(x), key(y)) })
	}
	if p.sortDir == "desc" {
		slices.Reverse(all)
	}
	if p.marker != "" {
		i := slices.IndexFunc(all, func(t T) bool { return keys["uuid"](t) == p.marker })
		if i < 0 {
			return nil, "", hanok.Invalid("marker", "%s is not in the list", hanok.Quote(p.marker))
		}
		all = all[i+1:]
	}
	limit := p.limit
	if limit == 0 || limit > maxPage {
		limit = maxPage
	}
	if len(all) < limit {
		return all, "", nil
	}
	entries = all[:limit]
	q := url.Values{}
	for k, v := range p.rest {
		q[k] = v
	}
	q.Set("limit", strconv.Itoa(limit))
	q.Set("marker", keys["uuid"](entries[limit-1]))
	return entries, p.self + "?" + q.Encode(), nil
}
