package admission

import "github.com/hanok/hanok"

// UserScript checks a request to change the user script of a node group, and
// gives the script; "" takes it away.
func UserScript(body []byte) (string, error) {
	const field = "contents"
	o, err := parseObject(body)
	if err != nil {
		return "", err
	}
	if err := o.onlyKnown([]string{field}); err != nil {
		return "", err
	}
	if o.sent(field) && emptyText(o[field]) {
		return "", nil
	}
	script, err := o.text(field)
	if err != nil {
		return "", err
	}
	return script, hanok.CheckUserScript(field, script)
}
