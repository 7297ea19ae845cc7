// Package propertylist reads property lists that somebody else wrote: XML and binary ones as macOS writes them to files
// ([Parse]), and the old-style text that `defaults read` prints ([ParseText]).
//
// It bounds what a hostile file can cost. A binary property list of a few hundred bytes can refer to one object many
// times, in several levels, and would unfold to more values than there is memory. Everything in usher that reads a
// property list reads it here.
package propertylist

import (
	"bytes"
	"errors"
	"fmt"

	"howett.net/plist"

	"usher.internal/internal/lazyregexp"
	"usher.internal/internal/oneline"
)

// ErrNotRecognised is wrapped by what is no property list, and by one that cannot be read.
var ErrNotRecognised = errors.New("not recognised")

// MaximumSize is how long a property list may be, in bytes. Those that usher reads have a few thousand.
const MaximumSize = 1 << 20

const (
	// maximumQuoted is how much of a text that was not recognised is quoted, in characters.
	maximumQuoted = 80
	// maximumDepth is how deep containers may be nested. Profiles have fewer than ten levels.
	maximumDepth = 200
	// maximumValues is how many values a property list may unfold to, maximumBytes how many bytes these have in the
	// list, each as often as it is referred to.
	maximumValues = 1 << 17
	maximumBytes  = 16 << 20
)

// Parse reads an XML or a binary property list whose top is a dictionary. The error wraps [ErrNotRecognised] and is one
// line.
func Parse(content []byte) (map[string]any, error) {
	if err := bounded(content); err != nil {
		return nil, err
	}
	isXML := bytes.HasPrefix(bytes.TrimSpace(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))), []byte("<"))
	if !isXML && !bytes.HasPrefix(content, []byte("bplist")) {
		return nil, notADictionary(content, errOldStyle) // of which nothing was bounded
	}
	values, format, err := unmarshal(content)
	if err == nil && format != plist.XMLFormat && format != plist.BinaryFormat {
		err = errOldStyle
	}
	if err != nil {
		return nil, notADictionary(content, err)
	}
	return values, nil
}

// ErrNotADictionary is the cause of a [*SyntaxError] where the top is something else.
var ErrNotADictionary = errors.New("a dictionary is expected")

var errOldStyle = errors.New("XML or a binary property list is expected")

// SyntaxError is the error of what is not a property list with a dictionary. It quotes the beginning of the content;
// where that may be secret, its Cause is what to show.
type SyntaxError struct {
	// Cause is what the parser says.
	Cause  error
	begins string
}

// Error quotes the beginning.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%v: no property list with a dictionary, as XML or binary; it begins with %q", ErrNotRecognised,
		e.begins)
}

// Unwrap returns [ErrNotRecognised].
func (e *SyntaxError) Unwrap() error { return ErrNotRecognised }

func notADictionary(content []byte, cause error) error {
	first, _, _ := bytes.Cut(bytes.TrimSpace(content), []byte("\n"))
	return &SyntaxError{cause, oneline.Of(string(first[:min(len(first), 4*maximumQuoted)]), maximumQuoted)}
}

// data is how `defaults read` prints data since macOS 10.15, which no parser of old-style property lists reads.
var data = lazyregexp.New(`\{\s*length = \d+, bytes = (0x[0-9a-fA-F .]*)\s*\}`)

// ParseText reads the text of a dictionary as `defaults read` prints it. All values but containers are strings there.
// The error wraps [ErrNotRecognised].
func ParseText(text string) (map[string]any, error) {
	if err := bounded([]byte(text)); err != nil {
		return nil, err
	}
	if err := boundedText([]byte(text)); err != nil {
		return nil, err
	}
	values, format, err := unmarshal([]byte(data.ReplaceAllString(text, `"$1"`)))
	if err != nil || len(bytes.TrimSpace([]byte(text))) == 0 ||
		format != plist.OpenStepFormat && format != plist.GNUStepFormat {
		return nil, fmt.Errorf("%w: no property list with a dictionary, as `defaults read` prints it", ErrNotRecognised)
	}
	return values, nil
}

// unmarshal has the parser read a property list. The parser panics where it meets what it did not expect, and an index
// that is out of range ends the program; here both are errors.
func unmarshal(content []byte) (values map[string]any, format int, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			values, err = nil, fmt.Errorf("%w: %v", ErrNotRecognised, panicked)
		}
	}()
	var root any
	if format, err = plist.Unmarshal(content, &root); err != nil {
		return nil, format, err
	}
	values, isDictionary := root.(map[string]any)
	if !isDictionary {
		return nil, format, ErrNotADictionary
	}
	return values, format, nil
}

// bounded refuses what would cost too much to parse.
func bounded(content []byte) error {
	if len(content) > MaximumSize {
		return fmt.Errorf("%w: a property list of more than %d bytes", ErrNotRecognised, MaximumSize)
	}
	if bytes.HasPrefix(content, []byte("bplist")) {
		return boundedBinary(content)
	}
	return boundedXML(content)
}
