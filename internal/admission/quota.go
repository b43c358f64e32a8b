package admission

import (
	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/quota"
)

var quotaFields = []string{"project_id", "resource", "hard_limit"}

// ReadQuota reads a request to set a quota. project and resource are those of
// the path, which the body may repeat; where they are "" the body must name
// them.
func ReadQuota(body []byte, project string, resource quota.Resource) (quota.Quota, error) {
	q := quota.Quota{ProjectID: project, Resource: resource}
	o, err := parseObject(body)
	if err != nil {
		return q, err
	}
	if err := o.onlyKnown(quotaFields); err != nil {
		return q, err
	}
	if project == "" || o.sent("project_id") {
		id, err := o.text("project_id")
		if err != nil {
			return q, err
		}
		if project != "" && id != project {
			return q, hanok.Invalid("project_id", "%s is not the project of the path; leave it out", hanok.Quote(id))
		}
		q.ProjectID = id
	}
	if resource == "" || o.sent("resource") {
		name, err := o.text("resource")
		if err != nil {
			return q, err
		}
		if q.Resource, err = quota.ReadResource(name); err != nil {
			return q, err
		}
		if resource != "" && q.Resource != resource {
			return q, hanok.Invalid("resource", "%s is not the resource of the path; leave it out", hanok.Quote(name))
		}
	}
	q.HardLimit, err = o.bounded("hard_limit", 0, quota.MaxLimit)
	return q, err
}
