package config

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNotTrusted is wrapped when root is given a file that somebody else could have written.
	ErrNotTrusted = errors.New("configuration file is not trusted")
	// ErrNotAFile is wrapped when a path is a directory, a pipe or a device.
	ErrNotAFile = errors.New("not a regular file")
	// ErrProfile is wrapped when a file is a whole configuration profile, whose settings are one level deeper.
	ErrProfile = errors.New("is a configuration profile; usher reads the property list that macOS makes of it, or " +
		"the file that the profile was made of")
	// ErrTooLarge is wrapped when a file is larger than any configuration.
	ErrTooLarge = errors.New("larger than a configuration file can be")
)

// KeyError is one problem of one key.
type KeyError struct {
	// File and Line are where the key stands. Line is 0 in a property list, which has none.
	File string
	Line int
	Key  string
	// Value is what the file has, or "(not shown)" where that may be a secret. It is empty for an unknown key, whose
	// value may be a secret in the wrong place; of the key itself only what looks like a name is shown.
	Value string
	// Problem continues the sentence that the key or its value begins, for example "is not a duration".
	Problem string
	// Allowed says which values are taken; Suggestion is the known key that an unknown one resembles. Either may be
	// empty.
	Allowed    string
	Suggestion string
}

// Error is one line: file, key, value, problem, what is allowed.
func (e *KeyError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	fmt.Fprintf(&b, ": %s", e.Key)
	switch {
	case e.Value == notShown:
		b.WriteString(": " + notShown)
	case e.Value != "":
		fmt.Fprintf(&b, ": %q", e.Value)
	}
	fmt.Fprintf(&b, " %s", e.Problem)
	if e.Allowed != "" {
		fmt.Fprintf(&b, "; allowed: %s", e.Allowed)
	}
	if e.Suggestion != "" {
		fmt.Fprintf(&b, "; did you mean %s?", e.Suggestion)
	}
	return b.String()
}

// renamed has the new name of each key that had another one before.
var renamed = map[string]string{"fleet.device": "fleet.mac"}

// nearest returns the known key that a person most likely meant, or "".
func nearest(unknown string) string {
	best, bestDistance := "", 1<<30
	plain := plainKey(unknown)
	for _, row := range rows() {
		known := plainKey(row.Name)
		// Somebody may have left the section out: sign_in_timeout for registration.sign_in_timeout.
		last := plainKey(row.Name[strings.LastIndexByte(row.Name, '.')+1:])
		distance := min(editDistance(plain, known), editDistance(plain, last))
		if distance < bestDistance {
			best, bestDistance = row.Name, distance
		}
	}
	if bestDistance > max(2, len(plain)/3) || bestDistance >= len(plain) {
		return ""
	}
	return best
}

// plainKey makes signInTimeout, sign-in-timeout and sign_in_timeout alike, and bounds what editDistance works on.
func plainKey(key string) string {
	plain := strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(key))
	return plain[:min(len(plain), 100)]
}

// editDistance is the Levenshtein distance of two texts in bytes.
func editDistance(a, b string) int {
	previous := make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := range len(a) {
		current := make([]int, len(b)+1)
		current[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			current[j+1] = min(previous[j]+cost, previous[j+1]+1, current[j]+1)
		}
		previous = current
	}
	return previous[len(b)]
}
