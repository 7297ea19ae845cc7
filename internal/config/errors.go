package config

import (
	"errors"
	"fmt"
	"strings"

	"usher.internal/internal/english"
)

var (
	// ErrNotTrusted is wrapped when root gets a file that somebody else could have written.
	ErrNotTrusted = errors.New("configuration file is not trusted")
	// ErrNotAFile is wrapped when a path is a directory, a pipe or a device.
	ErrNotAFile = errors.New("not a regular file")
	// ErrProfile is wrapped when a file is a whole configuration profile. Its settings are one level deeper.
	ErrProfile = errors.New("is a configuration profile; usher reads the property list that macOS makes from it, or " +
		"the file that the profile was made from")
	// ErrTooLarge is wrapped when a file is too large for a configuration.
	ErrTooLarge = errors.New("larger than a configuration file can be")
)

// KeyError is one problem of one key.
type KeyError struct {
	// File and Line are the place of the key. Line is 0 in a property list, which has no line numbers.
	File string
	Line int
	Key  string
	// Value is the value in the file, or "(not shown)" if it may be a secret. It is empty for an unknown key, because
	// its value may be a secret in the wrong place. The key itself shows only parts that look like names.
	Value string
	// Problem continues the sentence that the key or its value begins, for example "is not a duration".
	Problem string
	// Allowed describes the allowed values. Suggestion is the known key that resembles an unknown one. Either may be
	// empty.
	Allowed    string
	Suggestion string
}

// Error returns one line: file, key, value, problem, and the allowed values.
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

// renamed has the new name of each key that has been renamed.
var renamed = map[string]string{"fleet.device": "fleet.mac"}

// nearest returns the known key that a person most likely meant, or "".
func nearest(unknown string) string {
	best, bestDistance := "", 1<<30
	plain := plainKey(unknown)
	for _, row := range rows() {
		known := plainKey(row.Name)
		// The section may be missing: sign_in_timeout for registration.sign_in_timeout.
		last := plainKey(row.Name[strings.LastIndexByte(row.Name, '.')+1:])
		distance := min(english.Distance(plain, known), english.Distance(plain, last))
		if distance < bestDistance {
			best, bestDistance = row.Name, distance
		}
	}
	if bestDistance > max(2, len(plain)/3) || bestDistance >= len(plain) {
		return ""
	}
	return best
}

// plainKey makes signInTimeout, sign-in-timeout and sign_in_timeout equal, and limits the length for
// [english.Distance].
func plainKey(key string) string {
	plain := strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(key))
	return plain[:min(len(plain), 100)]
}
