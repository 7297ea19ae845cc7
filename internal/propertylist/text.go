package propertylist

import (
	"bytes"
	"encoding/xml"
	"fmt"
)

// boundedXML refuses XML that is nested too deeply, or has too many elements. The parser looks for XML in every text,
// and follows it by recursion. It does not reach content after the first mistake.
func boundedXML(content []byte) error {
	decoder := xml.NewDecoder(bytes.NewReader(content))
	for depth, elements := 0, 0; ; {
		token, err := decoder.RawToken()
		if err != nil {
			return nil
		}
		switch token.(type) {
		case xml.StartElement:
			depth++
			elements++
		case xml.EndElement:
			depth--
		}
		switch {
		case depth > maximumDepth:
			return fmt.Errorf("%w: a property list with more than %d levels", ErrNotRecognised, maximumDepth)
		case elements > maximumValues:
			return fmt.Errorf("%w: a property list with more than %d values", ErrNotRecognised, maximumValues)
		}
	}
}

// boundedText refuses old-style text that is nested too deeply. A brace in a string is counted too, because no
// dictionary of a Mac comes near the limit.
func boundedText(content []byte) error {
	depth := 0
	for _, letter := range content {
		switch letter {
		case '{', '(':
			depth++
		case '}', ')':
			depth--
		}
		if depth > maximumDepth {
			return fmt.Errorf("%w: a property list with more than %d levels", ErrNotRecognised, maximumDepth)
		}
	}
	return nil
}
