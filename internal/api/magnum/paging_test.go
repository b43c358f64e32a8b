package magnum

import (
	"strings"
	"testing"
)

func TestPaging(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	var ids []string
	for _, name := range []string{"c", "a", "e", "b", "d"} {
		cl, _ := c.put(c.admin.ProjectID, name)
		ids = append(ids, cl.UUID)
	}
	names := func(a reply) (s string) {
		clusters, _ := a.body["clusters"].([]any)
		for _, v := range clusters {
			s += v.(map[string]any)["name"].(string)
		}
		return s
	}
	for query, want := range map[string]string{
		"":                                  "caebd",
		"?sort_key=name":                    "abcde",
		"?sort_key=name&sort_dir=desc":      "edcba",
		"?sort_dir=desc":                    "dbeac",
		"?limit=2":                          "ca",
		"?limit=2&marker=" + ids[1]:         "eb",
		"?limit=100000":                     "caebd",
		"?marker=" + ids[4]:                 "",
		"?sort_key=name&marker=" + ids[3]:   "cde",
		"?sort_key=id&sort_dir=asc&limit=5": "caebd",
	} {
		a := c.get("/v1/clusters/" + query)
		if got := names(a); got != want || a.Code != 200 {
			t.Errorf("%s: %d %s; want %s", query, a.Code, got, want)
		}
	}
	// next appears on full pages only, is absolute, and walks to the end.
	var walked string
	for next := "/v1/clusters?limit=2&sort_key=name"; next != ""; {
		a := c.get(next)
		walked += names(a)
		full := len(names(a)) == 2
		link, has := a.body["next"].(string)
		if has != full || has && !strings.HasPrefix(link, "http://cloud.example:9511/v1/clusters?") {
			t.Fatalf("%s: next %q after %q", next, link, names(a))
		}
		next = strings.TrimPrefix(link, "http://cloud.example:9511")
	}
	if walked != "abcde" {
		t.Errorf("walked %s", walked)
	}
	for query, field := range map[string]string{
		"?limit=0": "limit: ", "?limit=-1": "limit: ", "?limit=x": "limit: ", "?limit=": "limit: ",
		"?sort_dir=up": "sort_dir: ", "?sort_key=secret": "sort_key: ", "?marker=x": "marker: ",
	} {
		if a := c.get("/v1/clusters" + query); a.Code != 400 || !strings.HasPrefix(a.detail(), field) {
			t.Errorf("%s: %d %s", query, a.Code, a.Body)
		}
	}
}
