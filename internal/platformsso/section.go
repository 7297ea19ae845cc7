package platformsso

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher.internal/internal/oneline"
)

// The headings of the sections.
const (
	deviceHeading = "Device Configuration:"
	loginHeading  = "Login Configuration:"
	userHeading   = "User Configuration:"
	tokensHeading = "SSO Tokens:"
)

var headings = []string{deviceHeading, loginHeading, userHeading, tokensHeading}

// run is the output of one call of app-sso.
type run struct {
	// sections are the texts under the headings. twice are the headings that occur twice with different texts.
	sections map[string]string
	twice    map[string]bool
	// printed is the time in the line "Time: 2026-04-25 09:41:29 +0000", or zero if there is none.
	printed time.Time
}

// lastRun returns the last run in a text, since people paste several. A run begins with its time, or with the device
// section if there was already one. Sections of two runs are never mixed, since the last run may be cut. A heading
// begins a line, and no line within a JSON string begins like one.
func lastRun(text string) run {
	found := run{sections: map[string]string{}, twice: map[string]bool{}}
	current, begin := "", 0
	end := func(offset int) {
		if current == "" {
			return
		}
		section := text[begin:offset]
		if before, again := found.sections[current]; again && strings.TrimSpace(before) != strings.TrimSpace(section) {
			found.twice[current] = true
		}
		found.sections[current] = section
		current = ""
	}
	offset := 0
	var printed time.Time // the time of a run before its first section
	for line := range strings.Lines(text) {
		plain := strings.TrimLeft(line, " \t\ufeff")
		if at := printedAt(plain); !at.IsZero() {
			end(offset)
			printed = at
		}
		for _, heading := range headings {
			after, ok := strings.CutPrefix(plain, heading)
			if !ok {
				continue
			}
			end(offset)
			if _, another := found.sections[deviceHeading]; another && heading == deviceHeading || !printed.IsZero() {
				found = run{sections: map[string]string{}, twice: map[string]bool{}, printed: printed}
				printed = time.Time{}
			}
			current, begin = heading, offset+len(line)-len(after)
		}
		offset += len(line)
	}
	end(len(text))
	return found
}

// unquoted returns a text with plain line ends, and without the marks with which mail and Markdown quote each line.
func unquoted(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	const marks = ">|"
	quoted := false
	for line := range strings.Lines(text) {
		rest := strings.TrimLeft(line, " \t"+marks)
		isHeading := slices.ContainsFunc(headings,
			func(heading string) bool { return strings.HasPrefix(rest, heading) })
		quoted = quoted || isHeading && strings.ContainsAny(line[:len(line)-len(rest)], marks)
	}
	if !quoted {
		return text
	}
	var out strings.Builder
	for line := range strings.Lines(text) {
		rest := strings.TrimLeft(line, " \t")
		for rest != "" && strings.IndexByte(marks, rest[0]) >= 0 {
			rest = strings.TrimLeft(rest[1:], " \t")
		}
		out.WriteString(rest)
	}
	return out.String()
}

// object returns the JSON object at the beginning of a section, or nil for (null).
func object(section string) (json.RawMessage, error) {
	section = strings.TrimSpace(section)
	switch {
	case strings.HasPrefix(section, "(null)"):
		return nil, nil
	case !strings.HasPrefix(section, "{"):
		return nil, errors.New("the heading is followed by neither {json} nor (null)")
	}
	var content json.RawMessage
	// The decoder stops at the end of the object; the text after it belongs to something else.
	err := json.NewDecoder(strings.NewReader(section)).Decode(&content)
	if err != nil {
		err = json.NewDecoder(strings.NewReader(repaired(section))).Decode(&content)
	}
	if err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	return content, nil
}

// repaired repairs JSON whose strings have a line break, or a backslash that escapes nothing, as in
// `jane\@example.com`. zsh's echo and terminals that wrap lines cause both in app-sso's output.
func repaired(section string) string {
	var out strings.Builder
	inString := false
	for i := 0; i < len(section); i++ {
		letter := section[i]
		switch {
		case letter == '"':
			inString = !inString
		case inString && letter == '\\' && i+1 < len(section) && strings.IndexByte(`"\/bfnrtu`, section[i+1]) >= 0:
			out.WriteByte(letter)
			i++
			letter = section[i]
		case inString && letter == '\\':
			out.WriteByte('\\')
		case inString && letter < ' ':
			fmt.Fprintf(&out, `\u%04x`, letter)
			continue
		}
		out.WriteByte(letter)
	}
	return out.String()
}

// fields are the fields of a JSON object, by their names as written.
type fields map[string]json.RawMessage

// errKind means that a value is of another kind than expected.
var errKind = errors.New("a value is of another kind than expected")

// fieldsOf reads an object. The names are Apple's, so a name in another case is another field. A field that occurs
// twice with different values is an error, since neither can be trusted.
func fieldsOf(content json.RawMessage) (fields, error) {
	decoder := json.NewDecoder(bytes.NewReader(content))
	if first, err := decoder.Token(); err != nil || first != json.Delim('{') {
		return nil, errKind
	}
	read := fields{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		text, isText := name.(string)
		if !isText {
			return nil, errKind
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		if before, again := read[text]; again && !bytes.Equal(before, value) {
			return nil, fmt.Errorf("%s has two values", oneline.Of(text, maximumQuoted))
		}
		read[text] = value
	}
	return read, nil
}

// text returns a text field. It returns "" if the field is missing or null; macOS writes null as text too. It returns
// an error for a value of another kind.
func (f fields) text(name string) (string, error) {
	value, there := f[name]
	if !there {
		return "", nil
	}
	var read *string
	if err := json.Unmarshal(value, &read); err != nil {
		return "", fmt.Errorf("%s: %w", name, errKind)
	}
	if read == nil || strings.TrimSpace(*read) == "(null)" {
		return "", nil
	}
	return strings.TrimSpace(*read), nil
}

// parseTokens reads the time under "Expiration:", and macOS's remark about it: "(Not Expired)" [FL-S1]. Without a known
// remark, the time of printing decides.
func parseTokens(section string, printed time.Time) (tokens Tokens) {
	_, expiration, found := strings.Cut(section, "Expiration:")
	if !found {
		return Tokens{}
	}
	line, _, _ := strings.Cut(strings.TrimSpace(expiration), "\n")
	stamp, said, _ := strings.Cut(line, "(")
	for _, layout := range []string{time.RFC3339, printedLayout} {
		if at, err := time.Parse(layout, strings.TrimSpace(stamp)); err == nil {
			tokens.ExpireAt = at
		}
	}
	said, _, _ = strings.Cut(said, ")")
	switch strings.ToLower(strings.Join(strings.Fields(said), " ")) {
	case "expired":
		tokens.Expired = true
	case "not expired":
	default:
		tokens.Expired = !tokens.ExpireAt.IsZero() && !printed.IsZero() && !printed.Before(tokens.ExpireAt)
	}
	return tokens
}

// printedLayout is the form in which app-sso prints its own time.
const printedLayout = "2006-01-02 15:04:05 -0700"

// printedAt reads the line "Time: 2026-04-25 09:41:29 +0000". For any other line it returns the zero time.
func printedAt(line string) time.Time {
	stamp, found := strings.CutPrefix(line, "Time:")
	if !found {
		return time.Time{}
	}
	at, err := time.Parse(printedLayout, strings.TrimSpace(stamp))
	if err != nil {
		return time.Time{}
	}
	return at
}
