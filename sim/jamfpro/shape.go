package jamfpro

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// kind is the required kind of a JSON value.
type kind int

const (
	text kind = iota
	boolean
	integer
	date // text, YYYY-MM-DD
	texts
	object
	objects
)

// field describes the allowed value for a key of an object.
type field struct {
	kind     kind
	readOnly bool
	// fields are those of an object, or of each object in an array.
	fields shape
}

// shape has the allowed keys of an object. Every key is optional; null means empty and is allowed for any.
type shape map[string]field

// check returns all faults of a value that must be an object of the shape. path is the path of the value.
func (s shape) check(path string, value any) []problem {
	content, ok := value.(map[string]any)
	if !ok {
		return []problem{wrongType(path, "an object")}
	}
	var problems []problem
	for _, key := range slices.Sorted(maps.Keys(content)) {
		at := key
		if path != "" {
			at = path + "." + key
		}
		known, ok := s[key]
		switch {
		case !ok:
			problems = append(problems, problem{Code: "UNKNOWN_FIELD", Field: at, ID: "0",
				Description: at + " is not a field of this request"})
		case known.readOnly:
			problems = append(problems, problem{Code: "READ_ONLY_FIELD", Field: at, ID: "0",
				Description: at + " is read-only"})
		case content[key] != nil:
			problems = append(problems, known.check(at, content[key])...)
		}
	}
	return problems
}

func (f field) check(path string, value any) []problem {
	switch f.kind {
	case boolean:
		if _, ok := value.(bool); !ok {
			return []problem{wrongType(path, "true or false")}
		}
	case integer:
		number, ok := value.(json.Number)
		if _, err := number.Int64(); !ok || err != nil {
			return []problem{wrongType(path, "an integer")}
		}
	case object:
		return f.fields.check(path, value)
	case texts, objects:
		elements, ok := value.([]any)
		if !ok {
			return []problem{wrongType(path, "an array")}
		}
		var problems []problem
		for i, element := range elements {
			at := fmt.Sprintf("%s[%d]", path, i)
			if f.kind == objects {
				problems = append(problems, f.fields.check(at, element)...)
			} else if _, ok := element.(string); !ok {
				problems = append(problems, wrongType(at, "a string"))
			}
		}
		return problems
	default:
		content, ok := value.(string)
		if !ok {
			return []problem{wrongType(path, "a string")}
		}
		if _, err := time.Parse(time.DateOnly, content); f.kind == date && err != nil {
			return []problem{wrongType(path, "a date YYYY-MM-DD")}
		}
	}
	return nil
}

func wrongType(path, wanted string) problem {
	if path == "" {
		path = "request"
	}
	return problem{Code: "INVALID_TYPE", Field: path, ID: "0", Description: path + " must be " + wanted}
}
