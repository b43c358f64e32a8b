package apitest

import (
	"fmt"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// undocumented names the fields of a value that its schema does not: the
// document stays complete without "additionalProperties: false" on
// everything, which allOf would not bear.
func undocumented(at string, s *openapi3.Schema, v any) []string {
	if alternatives := slices.Concat(s.AnyOf, s.OneOf); len(alternatives) > 0 {
		var fewest []string
		for _, a := range alternatives {
			if a.Value.VisitJSON(v) != nil {
				continue
			}
			extra := undocumented(at, a.Value, v)
			if len(extra) == 0 {
				return nil
			}
			if fewest == nil || len(extra) < len(fewest) {
				fewest = extra
			}
		}
		return fewest
	}
	switch v := v.(type) {
	case map[string]any:
		return undocumentedIn(at, s, v)
	case []any:
		items := itemsOf(s)
		if items == nil {
			return nil
		}
		var extra []string
		for i, x := range v {
			extra = append(extra, undocumented(fmt.Sprintf("%s[%d]", at, i), items, x)...)
		}
		return extra
	}
	return nil
}

func undocumentedIn(at string, s *openapi3.Schema, v map[string]any) []string {
	fields, others, free := fieldsOf(s)
	var extra []string
	for name, x := range v {
		switch field := fields[name]; {
		case field != nil:
			extra = append(extra, undocumented(at+"."+name, field, x)...)
		case others != nil:
			extra = append(extra, undocumented(at+"."+name, others, x)...)
		case !free:
			extra = append(extra, at+"."+name)
		}
	}
	slices.Sort(extra)
	return extra
}

// fieldsOf gives a schema's fields, the schema of all other fields, and
// whether any field may be there: an object without named fields is free.
func fieldsOf(s *openapi3.Schema) (fields map[string]*openapi3.Schema, others *openapi3.Schema, free bool) {
	fields = map[string]*openapi3.Schema{}
	for name, p := range s.Properties {
		fields[name] = p.Value
	}
	if s.AdditionalProperties.Schema != nil {
		others = s.AdditionalProperties.Schema.Value
	}
	free = len(s.Properties) == 0 && len(s.AllOf) == 0 && others == nil
	for _, part := range s.AllOf {
		partFields, partOthers, partFree := fieldsOf(part.Value)
		for name, p := range partFields {
			fields[name] = p
		}
		if partOthers != nil {
			others = partOthers
		}
		free = free || partFree
	}
	return fields, others, free
}

func itemsOf(s *openapi3.Schema) *openapi3.Schema {
	if s.Items != nil {
		return s.Items.Value
	}
	for _, part := range s.AllOf {
		if items := itemsOf(part.Value); items != nil {
			return items
		}
	}
	return nil
}
