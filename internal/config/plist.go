package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"usher.internal/internal/propertylist"
)

// parsePropertyList reads a binary or XML property list. It returns the keys in alphabetical order, because a
// dictionary has no order.
func parsePropertyList(path string, content []byte) ([]entry, error) {
	dictionary, err := propertylist.Parse(content)
	// a configuration may hold secrets, so the error quotes nothing from it
	if wrong, ok := errors.AsType[*propertylist.SyntaxError](err); ok {
		return nil, fmt.Errorf("parse configuration %s: %s", path, propertyListProblem(wrong.Cause))
	}
	if err != nil {
		return nil, fmt.Errorf("parse configuration %s: %w", path, err)
	}
	if _, isProfile := dictionary["PayloadContent"].([]any); isProfile && dictionary["PayloadType"] == "Configuration" {
		return nil, fmt.Errorf("parse configuration %s: %w", path, ErrProfile)
	}
	for key := range dictionary {
		// These are the keys that macOS adds to the managed file: PayloadUUID and the like for a profile by MDM, and
		// _manualProfile for one that was installed by hand. The latter was seen with other products; it is not
		// verified on a Mac with usher. No key of usher's begins like that.
		if strings.HasPrefix(key, "Payload") || strings.HasPrefix(key, "_") {
			delete(dictionary, key)
		}
	}
	return propertyListEntries(nil, "", dictionary, 1), nil
}

func propertyListEntries(entries []entry, prefix string, dictionary map[string]any, depth int) []entry {
	for _, key := range slices.Sorted(maps.Keys(dictionary)) {
		found := entry{key: prefix + key}
		switch value := dictionary[key].(type) {
		case map[string]any:
			if len(value) > 0 && depth < maximumDepth {
				entries = propertyListEntries(entries, found.key+".", value, depth+1)
				continue
			}
			found.empty = len(value) == 0
			if !found.empty {
				found.problem = "is nested too deeply"
			}
		case []any:
			found.isList = true
			for _, element := range value {
				text, ok := scalarText(element)
				if !ok {
					found.problem = "has an entry that is not one value"
				}
				found.list = append(found.list, text)
			}
		default:
			text, ok := scalarText(value)
			found.text = text
			if !ok {
				found.problem = "is neither a string, a number, a boolean nor an array of them"
			}
		}
		entries = append(entries, found)
	}
	return entries
}

func scalarText(scalar any) (string, bool) {
	switch scalar := scalar.(type) {
	case string:
		return scalar, true
	case bool:
		return strconv.FormatBool(scalar), true
	case uint64:
		return strconv.FormatUint(scalar, 10), true
	case int64:
		return strconv.FormatInt(scalar, 10), true
	case float64:
		return strconv.FormatFloat(scalar, 'g', -1, 64), true
	case float32:
		return strconv.FormatFloat(float64(scalar), 'g', -1, 32), true
	default:
		return "", false
	}
}
