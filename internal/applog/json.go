package applog

import (
	"encoding/json"
	"strings"
)

// members reads the members of a JSON object, from behind its opening brace, and hands each to take: a string without
// its quotes and escapes, any other value as it is written. It returns what follows the closing brace; ok is false
// where the text is no such object, and complete is false where it ends before it is one.
//
// It is our own because the unified log has gigabytes of objects, of which a few keys matter: a decoder that makes
// values of all of them takes many times as long. Strings without a backslash, nearly all of them, are parts of the
// text.
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

// cutString takes a string off the beginning of text. Where the string is cut off, rest is empty and ok false.
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

// unescape returns what a quoted JSON string stands for; one that JSON does not know is left as it stands.
func unescape(quoted string) string {
	var value string
	if json.Unmarshal([]byte(quoted), &value) != nil {
		return quoted[1 : len(quoted)-1]
	}
	return value
}

// cutValue takes a value that is no string off the beginning of text, as it is written.
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
