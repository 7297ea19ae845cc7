package pasted

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"strings"

	"usher.internal/internal/lazyregexp"
	"usher.internal/internal/propertylist"
)

// List is a dictionary that was found in a text: in a property list of any form, or in JSON.
type List struct {
	Values map[string]any
	At     int
	// How says where it was found, and is empty for an ordinary property list. cut says that its end is missing.
	How string
	Cut bool
}

// Doubt is 1 if the list is not complete.
func (l List) Doubt() int {
	if l.Cut {
		return 1
	}
	return 0
}

// Lists finds all dictionaries at the top of property lists and of JSON, in data and in text.
func Lists(from Source) []List {
	if from.Text == "" {
		return listsInData(from.Content)
	}
	found := xmlLists(from.Text, "")
	for _, one := range PemBlocks(from.Text) {
		if !IsCertificate(one.Label) && IsSigned(one.Der) {
			for _, inner := range listsInData(one.Der) {
				inner.At = one.At
				found = append(found, inner)
			}
		}
	}
	if len(found) == 0 {
		found = append(found, jsonLists(from.Text)...)
	}
	if len(found) == 0 {
		found = append(found, textLists(from.Text)...)
	}
	return found
}

// maximumLists is how many lists are read from one text.
const maximumLists = 100

var xmlBegin = lazyregexp.New(`(?:<\?xml[^>]*>\s*)?(?:<!DOCTYPE[^>]*>\s*)?<plist\b[^>]*>`)

// xmlLists finds XML property lists in other text.
func xmlLists(text, how string) []List {
	var found []List
	for at := 0; len(found) < maximumLists; {
		begin := xmlBegin.FindStringIndex(text[at:])
		if begin == nil {
			break
		}
		body := text[at+begin[0]:]
		const end = "</plist>"
		size := strings.Index(body, end)
		cut := size < 0
		if cut {
			size = len(body)
		} else {
			size += len(end)
		}
		one := List{At: at + begin[0], How: how, Cut: cut}
		values, err := propertylist.Parse([]byte(body[:size]))
		if err != nil {
			values, err = propertylist.Parse(closed(body[:size]))
			one.Cut = true
		}
		if one.Values = values; err == nil {
			found = append(found, one)
		}
		at += begin[0] + size
	}
	return found
}

// closed returns the readable part of an XML property list, with its open elements closed.
func closed(text string) []byte {
	decoder := xml.NewDecoder(strings.NewReader(text))
	var open []string
	var keep int64
	var closers string
	for {
		token, err := decoder.RawToken()
		if err != nil {
			break
		}
		switch token := token.(type) {
		case xml.StartElement:
			if len(open) > 100 {
				return nil
			}
			open = append(open, token.Name.Local)
			continue
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != token.Name.Local {
				err = io.ErrUnexpectedEOF
			} else if open = open[:len(open)-1]; token.Name.Local == "key" {
				continue // a key without its value is dropped
			}
		default:
			continue
		}
		if err != nil {
			break
		}
		keep, closers = decoder.InputOffset(), ""
		for i := len(open) - 1; i >= 0; i-- {
			closers += "</" + open[i] + ">"
		}
	}
	return []byte(text[:keep] + closers)
}

// jsonLists finds JSON objects, also in a list, that have the keys of a profile or a declaration.
func jsonLists(text string) []List {
	if !strings.Contains(text, `"com.apple.configuration.extensible-sso"`) &&
		!strings.Contains(text, `"PayloadType"`) && !strings.Contains(text, `"ExtensionIdentifier"`) {
		return nil
	}
	var found []List
	// failed limits the bytes that are read without result: many lines can each begin something without an end.
	inVain := 4 << 20
	for at := 0; at < len(text) && len(found) < maximumLists && inVain > 0; {
		next := strings.IndexAny(text[at:], "{[")
		if next < 0 {
			break
		}
		at += next
		var value any
		rest := strings.NewReader(text[at:])
		decoder := json.NewDecoder(rest)
		if err := decoder.Decode(&value); err != nil {
			inVain -= len(text) - at - rest.Len()
			if skip := strings.IndexByte(text[at:], '\n'); skip >= 0 { // not JSON, or broken: continue in the next line
				at += skip + 1
				continue
			}
			break
		}
		switch value := value.(type) {
		case map[string]any:
			found = append(found, List{Values: value, At: at})
		case []any:
			found = append(found, List{Values: map[string]any{"": value}, At: at})
		}
		at += int(decoder.InputOffset())
	}
	return found
}

var (
	textBegin = lazyregexp.New(`(?m)^[^"\n{}=]{0,200}\{[ \t]*$|^[^"\n{}=]{0,200}\{ *"?[\w.-]+"? *=`)
	textEntry = lazyregexp.New(`(?m)^\s*\{?\s*"?[\w.-]+"?\s*=\s*[^=\n]`)
)

// textLists finds the output of `defaults read`: a dictionary from its opening to its closing brace. If the braces are
// missing, the entries are read as one dictionary.
func textLists(text string) []List {
	if textEntry.FindStringIndex(text) == nil {
		return nil
	}
	var found []List
	for at := 0; len(found) < maximumLists; {
		begin := textBegin.FindStringIndex(text[at:])
		if begin == nil {
			break
		}
		open := at + begin[0] + strings.IndexByte(text[at+begin[0]:], '{')
		size, whole := balanced(text[open:])
		body := text[open : open+size]
		values, err := propertylist.ParseText(body)
		if err != nil {
			values, err = propertylist.ParseText(scalars(body))
		}
		if err == nil && len(values) > 0 {
			found = append(found, List{Values: values, At: open, Cut: !whole})
		}
		at = open + size
	}
	if len(found) == 0 {
		if values, err := propertylist.ParseText(scalars(text)); err == nil && len(values) > 0 {
			found = append(found, List{Values: values, Cut: true})
		}
	}
	return found
}

// balanced returns the length of the dictionary at the beginning, or false if its end is missing.
func balanced(text string) (int, bool) {
	depth, inString, escaped := 0, false, false
	for at := range len(text) {
		switch letter := text[at]; {
		case escaped:
			escaped = false
		case letter == '\\':
			escaped = true
		case letter == '"':
			inString = !inString
		case inString:
		case letter == '{' || letter == '(':
			depth++
		case letter == '}' || letter == ')':
			if depth--; depth == 0 {
				return at + 1, true
			}
		}
	}
	return len(text), false
}

var scalar = lazyregexp.New(`(?m)^\s*\{?\s*("?[\w.-]+"?)\s*=\s*("(?:[^"\\\n]|\\.)*"|[\w.:/@+-]+)\s*;?\s*\}?\s*$`)

// scalars are the entries of a text with one key and one value on one line. Of the same key it takes the first.
func scalars(text string) string {
	var out strings.Builder
	seen := map[string]bool{}
	for _, entry := range scalar.FindAllStringSubmatch(text, -1) {
		if key := strings.Trim(entry[1], `"`); !seen[key] {
			seen[key] = true
			value := entry[2]
			if !strings.HasPrefix(value, `"`) {
				value = `"` + value + `"`
			}
			out.WriteString(`"` + key + `" = ` + value + ";\n")
		}
	}
	if out.Len() == 0 {
		return ""
	}
	return "{" + out.String() + "}"
}

// listsInData finds property lists in data: a binary one, or the content of a signed profile.
func listsInData(content []byte) []List {
	if bytes.HasPrefix(content, []byte("bplist")) {
		if values, err := propertylist.Parse(content); err == nil {
			return []List{{Values: values}}
		}
		return nil
	}
	if !IsSigned(content) {
		return nil
	}
	signed := signedContent(content)
	if bytes.HasPrefix(signed, []byte("bplist")) {
		if values, err := propertylist.Parse(signed); err == nil {
			return []List{{Values: values, How: howSigned}}
		}
		return nil
	}
	return xmlLists(string(signed), howSigned)
}

const howSigned = "signed; the signature was not verified"
