package applog

import "strings"

// entities are the characters that a web page or an API's answer escapes when it shows a log. The ampersand comes last,
// so that the text after it is not unescaped twice.
var entities = []struct {
	character string
	written   []string
}{
	{"<", []string{"&lt;", "&#60;", "&#x3c;", "&#x3C;"}},
	{">", []string{"&gt;", "&#62;", "&#x3e;", "&#x3E;"}},
	{`"`, []string{"&quot;", "&#34;", "&#x22;"}},
	{"'", []string{"&apos;", "&#39;", "&#x27;", "&#039;"}},
	{"&", []string{"&amp;", "&#38;", "&#x26;"}},
}

// unescaped undoes the escapes in a line of a log that was copied from HTML. A line that has a character unescaped was
// not escaped as far as that character is concerned. So a program's own "&quot;" within quotes remains, and JSON
// remains JSON.
func unescaped(text string) string {
	at := strings.IndexByte(text, '&')
	if at < 0 || !strings.Contains(text[at:], ";") {
		return text
	}
	for _, entity := range entities {
		if entity.character != "&" && strings.Contains(text, entity.character) {
			continue
		}
		for _, written := range entity.written {
			text = strings.ReplaceAll(text, written, entity.character)
		}
	}
	return text
}
