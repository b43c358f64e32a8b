package magnum

import (
	"net/http"
	"slices"
	"testing"

	"github.com/hanok/hanok"
)

func TestSetUserScript(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cl, _ := c.put(c.admin.ProjectID, "k8s")
	path := "/v1/clusters/k8s/nodegroups/default-worker/userscript"
	a := c.call(c.admin, http.MethodPost, path, map[string]any{"contents": "#!/bin/sh\n"})
	if a.Code != 202 || a.body["uuid"] != "018b2cf2-0b77-4c6c-9d73-7a3c47bb9c44" || len(a.body) != 1 {
		t.Errorf("answer %d %s", a.Code, a.Body)
	}
	want := []string{cl.UUID + " default-worker #!/bin/sh\n"}
	for path, code := range map[string]int{
		"/v1/clusters/k8s/nodegroups/default-master/userscript": 403, "/v1/clusters/nothing/nodegroups/default-worker/userscript": 404,
	} {
		if a := c.call(c.admin, http.MethodPost, path, map[string]any{"contents": "#!/bin/sh\n"}); a.Code != code {
			t.Errorf("%s: %d %s", path, a.Code, a.Body)
		}
	}
	for _, body := range []any{"", "{}", map[string]any{"contents": "echo"}, map[string]any{"contents": 1}} {
		if a := c.call(c.admin, http.MethodPost, path, body); a.Code != 400 {
			t.Errorf("%v: %d %s", body, a.Code, a.Body)
		}
	}
	if a := c.call(c.other, http.MethodPost, path, map[string]any{"contents": "#!/bin/sh\n"}); a.Code != 404 {
		t.Errorf("from another project: %d", a.Code)
	}
	if a := c.call(c.reader, http.MethodPost, path, map[string]any{"contents": "#!/bin/sh\n"}); a.Code != 403 {
		t.Errorf("from a reader: %d", a.Code)
	}
	if !slices.Equal(c.engine.scripts, want) {
		t.Errorf("the engine was asked for %q", c.engine.scripts)
	}
	c.engine.fail = hanok.Errorf(hanok.KindConflict, "busy")
	if a := c.call(c.admin, http.MethodPost, path, map[string]any{"contents": ""}); a.Code != 409 {
		t.Errorf("a refusal of the engine: %d", a.Code)
	}
}
