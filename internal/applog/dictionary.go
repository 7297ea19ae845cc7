package applog

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// dictionary reads the payload that `description` of an NSDictionary writes, up to the brace that closes it:
//
//	eventTitle = "Auth_FetchSvcToken";
//	result = Succeeded;
//	list =     (
//	    one,
//	    "two words"
//	);
//	}
//
// Indentation may be lost. Every line until that brace belongs to the payload, understood or not.
type dictionary struct {
	open []container
}

// container is a dictionary or list that is still open. name is "" for the outermost one and for elements of lists.
type container struct {
	name   string
	isList bool
}

// within distinguishes the keys of a payload from dates, and from the weekdays at the beginning of jamf.log's lines.
func (d *dictionary) within(first byte) bool {
	return first == ' ' || first == '\t' || first == '}' || first == ')' || first >= 'a' && first <= 'z'
}

func (d *dictionary) end(*Record) (torn bool) { return len(d.open) > 0 }

func (d *dictionary) take(text string, record *Record) (belongs, done bool) {
	text = strings.TrimSpace(text)
	inner := d.open[len(d.open)-1]
	switch key, value, isPair := cutPair(text); {
	case isCloser(text):
		d.open = d.open[:len(d.open)-1]
	case isOpener(text):
		d.open = append(d.open, container{isList: text == "("})
	case isPair && isOpener(value):
		d.open = append(d.open, container{name: key, isList: value == "("})
	case inner.isList:
		d.append(unquote(strings.TrimSuffix(text, ",")), &record.Fields)
	case isPair:
		record.Fields.set(d.path(key), unquote(strings.TrimSuffix(value, ";")))
	}
	return true, len(d.open) == 0
}

// append adds an element to the open list.
func (d *dictionary) append(element string, fields *Fields) {
	path := d.path("")
	if before := fields.Get(path); before != "" {
		element = before + ", " + element
	}
	fields.set(path, element)
}

// path is the name of a key, after the names of its containers.
func (d *dictionary) path(key string) string {
	if len(d.open) == 1 && d.open[0].name == "" {
		return key
	}
	var names []string
	for _, c := range d.open {
		if c.name != "" {
			names = append(names, c.name)
		}
	}
	if key != "" {
		names = append(names, key)
	}
	return strings.Join(names, ".")
}

func isOpener(text string) bool { return text == "{" || text == "(" }

func isCloser(text string) bool {
	text = strings.TrimRight(text, ";,")
	return text == "}" || text == ")"
}

// cutPair splits `key = value;`, where the key may be quoted.
func cutPair(text string) (key, value string, ok bool) {
	from := 0
	if strings.HasPrefix(text, `"`) {
		end := closingQuote(text)
		if end < 0 {
			return "", "", false
		}
		from = end
	}
	at := strings.Index(text[from:], "=")
	if at < 0 {
		return "", "", false
	}
	return unquote(strings.TrimSpace(text[:from+at])), strings.TrimSpace(text[from+at+1:]), true
}

// closingQuote is the index of the quote that closes the one at the beginning of text, or -1.
func closingQuote(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// unquote returns a value without its quotes and escapes. A value without quotes is returned unchanged. Foundation
// writes characters beyond ASCII as \U and four hexadecimal digits of UTF-16.
func unquote(text string) string {
	if len(text) < 2 || text[0] != '"' || closingQuote(text) != len(text)-1 {
		return text
	}
	text = text[1 : len(text)-1]
	if !strings.Contains(text, `\`) {
		return text
	}
	var plain strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			plain.WriteByte(text[i])
			continue
		}
		i++
		switch text[i] {
		case 'n':
			plain.WriteByte('\n')
		case 't':
			plain.WriteByte('\t')
		case 'r':
			plain.WriteByte('\r')
		case 'U', 'u':
			letter, size := unicodeEscape(text[i-1:])
			plain.WriteString(letter)
			i += size - 2
		default:
			plain.WriteByte(text[i])
		}
	}
	return plain.String()
}

// unicodeEscape reads `\Uxxxx` or a surrogate pair of them, and returns how many bytes it read. Text that is not an
// escape is returned unchanged.
func unicodeEscape(text string) (letter string, size int) {
	unit := func(from int) (rune, bool) {
		if len(text) < from+6 || text[from] != '\\' || text[from+1]|0x20 != 'u' {
			return 0, false
		}
		value, err := strconv.ParseUint(text[from+2:from+6], 16, 16)
		return rune(value), err == nil
	}
	first, ok := unit(0)
	if !ok {
		return text[:2], 2
	}
	if second, ok := unit(6); ok && utf16.IsSurrogate(first) {
		if both := utf16.DecodeRune(first, second); both != utf8.RuneError {
			return string(both), 12
		}
	}
	return string(first), 6
}
