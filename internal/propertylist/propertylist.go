// Package propertylist reads property lists that somebody else wrote: XML and binary ones as macOS writes them to files
// ([Parse]), and the old-style text that `defaults read` prints ([ParseText]).
//
// It bounds what a hostile file can cost. A binary property list of a few hundred bytes can refer to one object many times, in
// several levels, and would unfold to more values than there is memory.
package propertylist

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"howett.net/plist"

	"usher.internal/internal/lazyregexp"
	"usher.internal/internal/oneline"
)

// ErrNotRecognised is wrapped by what is no property list, and by one that cannot be read.
var ErrNotRecognised = errors.New("not recognised")

const (
	// maximumQuoted is how much of a text that was not recognised is quoted, in characters.
	maximumQuoted = 80
	// maximumDepth is how deep containers may be nested. Profiles have fewer than ten levels.
	maximumDepth = 200
	// maximumValues is how many values a property list may unfold to.
	maximumValues = 1 << 17
)

// Parse reads an XML or a binary property list whose top is a dictionary. The error wraps [ErrNotRecognised] and is one line.
func Parse(content []byte) (map[string]any, error) {
	if err := bounded(content); err != nil {
		return nil, err
	}
	var values map[string]any
	format, err := plist.Unmarshal(content, &values)
	if err != nil || values == nil || format != plist.XMLFormat && format != plist.BinaryFormat {
		first, _, _ := bytes.Cut(bytes.TrimSpace(content), []byte("\n"))
		return nil, fmt.Errorf("%w: no property list with a dictionary, as XML or binary; it begins with %q", ErrNotRecognised, oneline.Of(string(first[:min(len(first), 4*maximumQuoted)]), maximumQuoted))
	}
	return values, nil
}

// data is how `defaults read` prints data since macOS 10.15, which no parser of old-style property lists reads.
var data = lazyregexp.New(`\{\s*length = \d+, bytes = (0x[0-9a-fA-F .]*)\s*\}`)

// ParseText reads the text of a dictionary as `defaults read` prints it. All values but containers are strings there. The error
// wraps [ErrNotRecognised].
func ParseText(text string) (map[string]any, error) {
	if err := bounded([]byte(text)); err != nil {
		return nil, err
	}
	text = data.ReplaceAllString(text, `"$1"`)
	var values map[string]any
	format, err := plist.Unmarshal([]byte(text), &values)
	if err != nil || len(bytes.TrimSpace([]byte(text))) == 0 || values == nil || format != plist.OpenStepFormat && format != plist.GNUStepFormat {
		return nil, fmt.Errorf("%w: no property list with a dictionary, as `defaults read` prints it", ErrNotRecognised)
	}
	return values, nil
}

// bounded refuses what would cost too much to parse. What is in a string is taken for a container here, too: no property list of
// a Mac comes near the bounds.
func bounded(content []byte) error {
	if bytes.HasPrefix(content, []byte("bplist")) {
		return boundedBinary(content)
	}
	opens, closes := []string{"{", "("}, []string{"}", ")"}
	if bytes.HasPrefix(bytes.TrimSpace(content), []byte("<")) {
		opens, closes = []string{"<dict>", "<array>"}, []string{"</dict>", "</array>"}
	}
	depth := 0
	for rest := content; len(rest) > 0; rest = rest[1:] {
		starts := func(mark string) bool { return bytes.HasPrefix(rest, []byte(mark)) }
		switch {
		case slices.ContainsFunc(opens, starts):
			depth++
		case slices.ContainsFunc(closes, starts):
			depth--
		}
		if depth > maximumDepth {
			return fmt.Errorf("%w: a property list with more than %d levels", ErrNotRecognised, maximumDepth)
		}
	}
	return nil
}
