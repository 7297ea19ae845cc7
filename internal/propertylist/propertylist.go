// Package propertylist reads property lists of other programs. [Parse] reads the XML and binary lists that macOS writes
// to files, and [ParseText] the old-style text that `defaults read` prints.
//
// It limits the cost of a hostile file. A binary property list of a few hundred bytes can refer to one object many
// times, in several levels, and would unfold to more values than fit into memory. All code in usher that reads property
// lists uses this package.
package propertylist

import (
	"bytes"
	"errors"
	"fmt"

	"howett.net/plist"

	"usher.internal/internal/lazyregexp"
	"usher.internal/internal/oneline"
)

// ErrNotRecognised is wrapped for content that is not a property list, and for a list that cannot be read.
var ErrNotRecognised = errors.New("not recognised")

// MaximumSize is how long a property list may be, in bytes. The lists that usher reads have a few thousand.
const MaximumSize = 1 << 20

const (
	// maximumQuoted is how much of a text that was not recognised is quoted, in characters.
	maximumQuoted = 80
	// maximumDepth is how deep containers may be nested. Profiles have fewer than ten levels.
	maximumDepth = 200
	// maximumValues is how many values a property list may unfold to. maximumBytes is how many bytes these values have
	// in the list, counted at each reference.
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
		return nil, notADictionary(content, errOldStyle) // no limit was checked for this form
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

// ErrNotADictionary is the cause of a [*SyntaxError] if the top is not a dictionary.
var ErrNotADictionary = errors.New("a dictionary is expected")

var errOldStyle = errors.New("XML or a binary property list is expected")

// SyntaxError is the error for content that is not a property list with a dictionary. It quotes the beginning of the
// content. If that may be secret, show only its Cause.
type SyntaxError struct {
	// Cause is the parser's error.
	Cause  error
	begins string
}

// Error quotes the beginning.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%v: not an XML or binary property list with a dictionary; it begins with %q", ErrNotRecognised,
		e.begins)
}

// Unwrap returns [ErrNotRecognised].
func (e *SyntaxError) Unwrap() error { return ErrNotRecognised }

func notADictionary(content []byte, cause error) error {
	first, _, _ := bytes.Cut(bytes.TrimSpace(content), []byte("\n"))
	return &SyntaxError{cause, oneline.Of(string(first[:min(len(first), 4*maximumQuoted)]), maximumQuoted)}
}

// data is the form in which `defaults read` prints data since macOS 10.15. No parser of old-style property lists reads
// it.
var data = lazyregexp.New(`\{\s*length = \d+, bytes = (0x[0-9a-fA-F .]*)\s*\}`)

// ParseText reads the text of a dictionary as `defaults read` prints it. All values except containers are strings
// there. The error wraps [ErrNotRecognised].
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
		return nil, fmt.Errorf("%w: not a property list with a dictionary as `defaults read` prints it",
			ErrNotRecognised)
	}
	return values, nil
}

// unmarshal parses a property list. The parser panics on unexpected content, and an index out of range would end the
// program; here both are errors.
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

// bounded refuses content that would cost too much to parse.
func bounded(content []byte) error {
	if len(content) > MaximumSize {
		return fmt.Errorf("%w: a property list of more than %d bytes", ErrNotRecognised, MaximumSize)
	}
	if bytes.HasPrefix(content, []byte("bplist")) {
		return boundedBinary(content)
	}
	return boundedXML(content)
}
