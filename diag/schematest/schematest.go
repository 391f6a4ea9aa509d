// Package schematest holds JSON against a JSON Schema, in tests.
package schematest

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A Schema validates by the keywords of JSON Schema 2020-12 that docs/report.schema.json and
// docs/events.schema.json use; any other keyword is an error, so that the schema cannot ask for what is not looked at.
type Schema struct{ root map[string]any }

// Load reads a schema.
func Load(tb testing.TB, file string) Schema {
	tb.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	var s Schema
	if err := json.Unmarshal(raw, &s.root); err != nil {
		tb.Fatal(err)
	}
	return s
}

// Check returns in what a document differs from the schema, or nil.
func (s Schema) Check(doc []byte) error {
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		return err
	}
	return s.validate(s.root, v, "$")
}

func (s Schema) validate(rule map[string]any, v any, at string) error {
	for keyword, want := range rule {
		var err error
		switch keyword {
		case "$schema", "$id", "$defs", "title", "description", "items", "properties", "additionalProperties", "propertyNames":
		case "$ref":
			err = s.validate(s.ref(want.(string)), v, at)
		case "oneOf":
			err = s.oneOf(want.([]any), v, at)
		case "const":
			err = ifNot(reflect.DeepEqual(v, want), "%s: %v is not %v", at, v, want)
		case "enum":
			err = ifNot(slices.Contains(want.([]any), v), "%s: %v is not in %v", at, v, want)
		case "type":
			err = ifNot(isType(want, v), "%s: %v is not of type %v", at, v, want)
		case "minimum":
			n, is := v.(float64)
			err = ifNot(!is || n >= want.(float64), "%s: %v is below %v", at, v, want)
		case "maximum":
			n, is := v.(float64)
			err = ifNot(!is || n <= want.(float64), "%s: %v is above %v", at, v, want)
		case "minLength":
			text, is := v.(string)
			err = ifNot(!is || float64(len(text)) >= want.(float64), "%s: %q is too short", at, v)
		case "minItems":
			list, is := v.([]any)
			err = ifNot(!is || float64(len(list)) >= want.(float64), "%s: too few items", at)
		case "pattern":
			text, is := v.(string)
			err = ifNot(!is || regexp.MustCompile(want.(string)).MatchString(text), "%s: %q does not match %v", at, v, want)
		case "required":
			object, is := v.(map[string]any)
			for _, name := range want.([]any) {
				if _, has := object[name.(string)]; is && !has {
					return fmt.Errorf("%s: %v is missing", at, name)
				}
			}
		default:
			err = fmt.Errorf("%s: the schema uses %s, which this validator does not know", at, keyword)
		}
		if err != nil {
			return err
		}
	}
	return s.inside(rule, v, at)
}

// inside validates what an array or object holds.
func (s Schema) inside(rule map[string]any, v any, at string) error {
	switch v := v.(type) {
	case []any:
		if items, ok := rule["items"].(map[string]any); ok {
			for i, x := range v {
				if err := s.validate(items, x, fmt.Sprintf("%s[%d]", at, i)); err != nil {
					return err
				}
			}
		}
	case map[string]any:
		properties, _ := rule["properties"].(map[string]any)
		for name, x := range v {
			if names, ok := rule["propertyNames"].(map[string]any); ok {
				if err := s.validate(names, name, at+"."+name); err != nil {
					return err
				}
			}
			if p, ok := properties[name].(map[string]any); ok {
				if err := s.validate(p, x, at+"."+name); err != nil {
					return err
				}
				continue
			}
			switch more := rule["additionalProperties"].(type) {
			case bool:
				if !more {
					return fmt.Errorf("%s: %s is not in the schema", at, name)
				}
			case map[string]any:
				if err := s.validate(more, x, at+"."+name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// oneOf wants exactly one of several rules to hold. Where none does, it tells what is wrong by the rule that fits furthest.
func (s Schema) oneOf(rules []any, v any, at string) error {
	hold := 0
	var furthest error
	depth := func(err error) int {
		place, _, _ := strings.Cut(err.Error(), " ")
		return len(place)
	}
	for _, rule := range rules {
		switch err := s.validate(rule.(map[string]any), v, at); {
		case err == nil:
			hold++
		case furthest == nil, depth(err) > depth(furthest):
			furthest = err
		}
	}
	if hold == 0 {
		return furthest
	}
	return ifNot(hold == 1, "%s: %d of the rules of oneOf hold", at, hold)
}

func (s Schema) ref(ref string) map[string]any {
	if ref == "#" {
		return s.root
	}
	var at any = s.root
	for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		at = at.(map[string]any)[name]
	}
	return at.(map[string]any)
}

func ifNot(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

func isType(want, v any) bool {
	if list, ok := want.([]any); ok {
		return slices.ContainsFunc(list, func(w any) bool { return isType(w, v) })
	}
	switch v := v.(type) {
	case nil:
		return want == "null"
	case bool:
		return want == "boolean"
	case string:
		return want == "string"
	case float64:
		return want == "number" || want == "integer" && v == math.Trunc(v)
	case []any:
		return want == "array"
	default:
		return want == "object"
	}
}
