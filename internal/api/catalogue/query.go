package catalogue

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hanok/hanok"
)

// object is a resource as a service shows it.
type object map[string]any

// listing says how a list may be asked for, beyond filters by the objects'
// own fields.
type listing struct {
	// id is the field that marker names; default "id".
	id string
	// ignored parameters change nothing here: what they ask for is so anyway.
	ignored []string
	// special are filters that do not just compare a field. An error is the
	// parameter's.
	special map[string]func(o object, want string) (bool, error)
}

// page is a part of a list.
type page struct {
	items []object
	more  bool // items follow
}

// apply filters, sorts and pages objects as the query asks. A parameter that
// is no field and not known is an error: to ignore it would give objects that
// were not asked for.
func (l listing) apply(q url.Values, items []object, fields object) (page, error) {
	if l.id == "" {
		l.id = "id"
	}
	for name, values := range q {
		switch {
		case name == "limit", name == "marker", name == "sort_key", name == "sort_dir", name == "sort", name == "fields",
			slices.Contains(l.ignored, name):
		case l.special[name] != nil:
			var bad error
			items = keep(items, func(o object) bool {
				ok, err := l.special[name](o, values[0])
				bad = errors.Join(bad, err)
				return ok
			})
			if bad != nil {
				return page{}, hanok.Invalid(name, "%q is not what this parameter takes", values[0])
			}
		default:
			if _, ok := fields[name]; !ok {
				return page{}, hanok.Invalid(name, "is no parameter of this list")
			}
			items = keep(items, func(o object) bool {
				return slices.ContainsFunc(values, func(want string) bool { return equals(o[name], want) })
			})
		}
	}
	if err := sortBy(q, items, fields); err != nil {
		return page{}, err
	}
	p, err := l.cut(q, items)
	if err == nil && q.Has("fields") {
		p.items = selected(q["fields"], p.items)
	}
	return p, err
}

func keep(items []object, ok func(object) bool) []object {
	kept := make([]object, 0, len(items))
	for _, o := range items {
		if ok(o) {
			kept = append(kept, o)
		}
	}
	return kept
}

// equals compares a field with a parameter: booleans in every spelling that
// clients use, all else by its text.
func equals(v any, want string) bool {
	if b, ok := v.(bool); ok {
		switch strings.ToLower(want) {
		case "true", "1", "yes":
			return b
		case "false", "0", "no":
			return !b
		}
		return false
	}
	if v == nil {
		return want == ""
	}
	return fmt.Sprint(v) == want
}

// atLeast filters by a number.
func atLeast(field string) func(object, string) (bool, error) {
	return func(o object, want string) (bool, error) {
		least, err := strconv.ParseInt(want, 10, 64)
		return wholeNumber(o[field]) >= least, err
	}
}

// wholeNumber reads a field's number, 0 where it has none.
func wholeNumber(v any) int64 {
	switch n := v.(type) {
	case int:
		return int64(n)
	case int64:
		return n
	}
	return 0
}

// matching filters by a regular expression, which Nova finds anywhere in the value.
func matching(values func(object) []string) func(object, string) (bool, error) {
	return func(o object, want string) (bool, error) {
		re, err := regexp.Compile(want)
		if err != nil {
			return false, err
		}
		return slices.ContainsFunc(values(o), re.MatchString), nil
	}
}

// sortWish reads both ways to ask for an order: sort_key with sort_dir, and
// Glance's and Cinder's sort=name:desc,size.
func sortWish(q url.Values) (keys, dirs []string) {
	if !q.Has("sort") {
		return q["sort_key"], q["sort_dir"]
	}
	for wish := range strings.SplitSeq(q.Get("sort"), ",") {
		key, dir, found := strings.Cut(wish, ":")
		if !found {
			dir = "asc"
		}
		keys, dirs = append(keys, key), append(dirs, dir)
	}
	return keys, dirs
}

func sortBy(q url.Values, items []object, fields object) error {
	keys, dirs := sortWish(q)
	for i, key := range keys {
		if _, ok := fields[key]; !ok {
			return hanok.Invalid("sort_key", "%q is no field of this list", key)
		}
		if i < len(dirs) && dirs[i] != "asc" && dirs[i] != "desc" {
			return hanok.Invalid("sort_dir", "%q is neither asc nor desc", dirs[i])
		}
	}
	if len(keys) == 0 {
		return nil
	}
	slices.SortStableFunc(items, func(a, b object) int {
		for i, key := range keys {
			c := compare(a[key], b[key])
			if i < len(dirs) && dirs[i] == "desc" {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	return nil
}

func compare(a, b any) int {
	if x, ok := a.(int); ok {
		if y, ok := b.(int); ok {
			return x - y
		}
	}
	return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
}

// cut gives the page after marker, of at most limit objects.
func (l listing) cut(q url.Values, items []object) (page, error) {
	if marker := q.Get("marker"); marker != "" {
		i := slices.IndexFunc(items, func(o object) bool { return o[l.id] == marker })
		if i < 0 {
			return page{}, hanok.Invalid("marker", "%q is not in this list", marker)
		}
		items = items[i+1:]
	}
	if s := q.Get("limit"); s != "" {
		limit, err := strconv.Atoi(s)
		if err != nil || limit < 0 {
			return page{}, hanok.Invalid("limit", "%q is no number from 0", s)
		}
		if limit > 0 && limit < len(items) {
			return page{items: items[:limit], more: true}, nil
		}
	}
	return page{items: items}, nil
}

// selected leaves the fields that were asked for.
func selected(fields []string, items []object) []object {
	cut := make([]object, len(items))
	for i, o := range items {
		cut[i] = object{}
		for _, f := range fields {
			if v, ok := o[f]; ok {
				cut[i][f] = v
			}
		}
	}
	return cut
}

// nextLink gives the URL of the page after p, "" where it is the last.
func (l listing) nextLink(r *http.Request, self string, p page) string {
	if !p.more || len(p.items) == 0 {
		return ""
	}
	id := l.id
	if id == "" {
		id = "id"
	}
	q := r.URL.Query()
	q.Set("marker", fmt.Sprint(p.items[len(p.items)-1][id]))
	return self + "?" + q.Encode()
}
