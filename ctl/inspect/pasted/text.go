package pasted

import (
	"bytes"
	"html"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"

	"usher.internal/internal/lazyregexp"
)

// Reading is one way of reading content as text.
type Reading struct {
	Text string
	// How says for people what was changed.
	How []string
}

// Readings are the ways of reading content. The one that changes least is first. Data that is not text has one reading,
// without text.
func Readings(content []byte) []Reading {
	text, how := Decoded(content)
	text = Unbroken(text)
	first := Reading{text, how}
	if text == "" {
		return []Reading{first}
	}
	all := []Reading{first}
	next := func(change func(string) string, what string) {
		last := all[len(all)-1]
		if changed := change(last.Text); changed != last.Text {
			all = append(all, Reading{changed, append(append([]string(nil), last.How...), what)})
		}
	}
	next(Unquoted, "without quote marks and code fences")
	next(Typed, "typographic quotes, dashes and HTML entities as plain characters")
	next(joined, "wrapped lines joined")
	return all
}

var (
	// escapes matches control sequences of a terminal (colours, cursor, title), and one character struck over another
	// one.
	escapes = lazyregexp.New(`\x1b\[[0-9;?<>=]*[ ` +
		`-/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\|$)|\x1b[PX^_][^\x1b]*(?:\x1b\\|$)|\x1b[ -/]*[0-~]|[^\n]\x08`)
	spaces = strings.NewReplacer("\u00a0", " ", "\u2007", " ", "\u202f", " ", "\u2028", "\n", "\u2029", "\n", "\r\n",
		"\n", "\r", "\n",
		"\u200b", "", "\u200c", "", "\u200d", "", "\u200e", "", "\u200f", "", "\u2060", "", "\u00ad", "", "\ufeff", "",
		"\x00", "", "\t", "    ")
)

// Decoded returns content as text, and how it was read. The text is empty for a binary property list, DER and other
// data.
func Decoded(content []byte) (string, []string) {
	switch {
	case isData(content):
		return "", nil
	case bytes.HasPrefix(content, []byte("\xef\xbb\xbf")):
		return strings.ToValidUTF8(string(content[3:]), "\ufffd"), nil
	case bytes.HasPrefix(content, []byte("\xff\xfe")):
		return fromUTF16(content[2:], unicode.LittleEndian), []string{"UTF-16"}
	case bytes.HasPrefix(content, []byte("\xfe\xff")):
		return fromUTF16(content[2:], unicode.BigEndian), []string{"UTF-16"}
	}
	// A Mac's text is mostly ASCII, so in UTF-16 every second byte is zero.
	even, odd := zeros(content)
	switch pairs := min(len(content), sampleSize) / 2; {
	case pairs > 0 && odd > pairs*3/4 && even < pairs/8+1:
		return fromUTF16(content, unicode.LittleEndian), []string{"UTF-16 without a byte order mark"}
	case pairs > 0 && even > pairs*3/4 && odd < pairs/8+1:
		return fromUTF16(content, unicode.BigEndian), []string{"UTF-16 without a byte order mark"}
	}
	return strings.ToValidUTF8(string(content), "\ufffd"), nil
}

// sampleSize is how much of content is inspected for its encoding, in bytes.
const sampleSize = 4 << 10

// zeros counts the bytes that are zero, at even and at odd places.
func zeros(content []byte) (even, odd int) {
	for at, one := range content[:min(len(content), sampleSize)] {
		if one == 0 {
			if at%2 == 0 {
				even++
			} else {
				odd++
			}
		}
	}
	return even, odd
}

// fromUTF16 reads UTF-16. It drops a last byte without its other half.
func fromUTF16(content []byte, order unicode.Endianness) string {
	text, _ := unicode.UTF16(order, unicode.IgnoreBOM).NewDecoder().Bytes(content[:len(content)&^1]) // has no errors
	return string(text)
}

// Unbroken returns text with Unix newlines and plain spaces, and without control sequences of a terminal.
func Unbroken(text string) string {
	if strings.ContainsAny(text, "\x1b\x08") {
		text = escapes.ReplaceAllString(text, "")
	}
	return spaces.Replace(text)
}

var (
	quoteMarks = lazyregexp.New(`(?m)^ {0,3}(?:[>|] ?)+`)
	fenceLines = lazyregexp.New(
		"(?m)^ *(?:`{3,}|~{3,})[ A-Za-z0-9+_-]*$|^ *\\{(?:code|noformat|quote)(?::[^}\n]*)?\\} *$")
	fenceMarks = lazyregexp.New("`{3,}|^ *`|` *$|\\{(?:code|noformat)\\}")
)

// Unquoted returns text without a mail's quote marks and without the code fences of Markdown and Jira.
func Unquoted(text string) string {
	text = quoteMarks.ReplaceAllString(text, "")
	text = fenceLines.ReplaceAllString(text, "")
	return fenceMarks.ReplaceAllString(text, "")
}

var typography = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "‟", `"`, "«", `"`, "»", `"`, "″", `"`, "‘", "'",
	"’", "'", "‚", "'", "‐", "-", "‑", "-", "…", "...")

// longDashes are the dashes that an editor puts in place of PEM's five hyphens.
var longDashes = lazyregexp.New(`[-–—]{2,5} ?(BEGIN|END) ([A-Z0-9 ]+?) ?[-–—]{2,5}`)

// Typed returns text with the characters that somebody typed or a program printed, before an editor or a web page
// changed them.
func Typed(text string) string {
	text = longDashes.ReplaceAllString(text, "-----$1 $2-----")
	text = typography.Replace(text)
	if strings.Contains(text, "&") {
		text = html.UnescapeString(text)
		text = strings.ReplaceAll(text, "\u00a0", " ")
	}
	return text
}

// joined removes line breaks within a quoted string: a terminal or a mail program wraps long ones.
func joined(text string) string {
	var out strings.Builder
	var inString, escaped bool
	since := 0
	for _, letter := range text {
		switch {
		case letter == '\n' && inString && since < MaximumString:
			continue
		case letter == '"' && !escaped:
			inString, since = !inString, 0
		case letter == '\n' && inString: // a single quote without its other half
			inString = false
		}
		since += utf8.RuneLen(letter)
		escaped = letter == '\\' && !escaped
		out.WriteRune(letter)
	}
	return out.String()
}

// MaximumString is the maximum length of a quoted string, in bytes. The longest is a certificate, with about 2,000
// characters.
const MaximumString = 16 << 10
