package applog

import (
	"encoding/json"
	"strings"
)

// members reads the members of a JSON object, after its opening brace, and passes each to take. A string has its quotes
// and escapes removed; any other value is passed as written. members returns the text after the closing brace. ok is
// false if the text is not such an object, and complete is false if the text ends within the object.
//
// usher has its own decoder because the unified log has gigabytes of objects, and only a few keys matter. A decoder
// that creates all values takes many times as long. A string without a backslash is a part of the text; nearly all
// strings are.
func members(text string, take func(name, value string, isString bool)) (rest string, complete, ok bool) {
	text = skipSpace(text)
	if strings.HasPrefix(text, "}") {
		return text[1:], true, true
	}
	for {
		name, after, ok := cutString(text)
		if !ok {
			return text, false, text == ""
		}
		after = skipSpace(after)
		if !strings.HasPrefix(after, ":") {
			return text, false, after == ""
		}
		after = skipSpace(after[1:])
		isString := strings.HasPrefix(after, `"`)
		var value string
		if isString {
			value, after, ok = cutString(after)
		} else {
			value, after, ok = cutValue(after)
		}
		if !ok {
			return text, false, after == ""
		}
		take(name, value, isString)
		after = skipSpace(after)
		switch {
		case strings.HasPrefix(after, "}"):
			return after[1:], true, true
		case strings.HasPrefix(after, ","):
			text = skipSpace(after[1:])
		default:
			return after, false, after == ""
		}
	}
}

func skipSpace(text string) string {
	for i := range len(text) {
		switch text[i] {
		case ' ', '\t', '\n', '\r':
		default:
			return text[i:]
		}
	}
	return ""
}

// cutString takes a string off the beginning of text. If the string is cut off, rest is empty and ok is false.
func cutString(text string) (value, rest string, ok bool) {
	if text == "" || text[0] != '"' {
		return "", text, false
	}
	end := strings.IndexByte(text[1:], '"')
	if end < 0 {
		return "", "", false
	}
	if strings.IndexByte(text[1:1+end], '\\') < 0 {
		return text[1 : 1+end], text[end+2:], true
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return unescape(text[:i+1]), text[i+1:], true
		}
	}
	return "", "", false
}

// unescape returns the value of a quoted JSON string. Text that is not valid JSON is returned unchanged.
func unescape(quoted string) string {
	var value string
	if json.Unmarshal([]byte(quoted), &value) != nil {
		return quoted[1 : len(quoted)-1]
	}
	return value
}

// cutValue takes a value that is not a string off the beginning of text, as written.
func cutValue(text string) (value, rest string, ok bool) {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			_, after, ok := cutString(text[i:])
			if !ok {
				return "", "", false
			}
			i = len(text) - len(after) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return strings.TrimRight(text[:i], " \t\r\n"), text[i:], i > 0
			}
			if depth--; depth == 0 {
				return text[:i+1], text[i+1:], true
			}
		case ',':
			if depth == 0 {
				return strings.TrimRight(text[:i], " \t\r\n"), text[i:], i > 0
			}
		}
	}
	return "", "", false
}
