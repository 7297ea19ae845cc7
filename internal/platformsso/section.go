package platformsso

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The headings of the sections.
const (
	deviceHeading = "Device Configuration:"
	loginHeading  = "Login Configuration:"
	userHeading   = "User Configuration:"
	tokensHeading = "SSO Tokens:"
)

var headings = []string{deviceHeading, loginHeading, userHeading, tokensHeading}

// sections returns the text under each heading. A heading begins a line, and no line within a JSON string does; of one that
// comes twice the last is taken, since people paste several runs.
func sections(text string) map[string]string {
	found := map[string]string{}
	current, begin := "", 0
	offset := 0
	for line := range strings.Lines(text) {
		for _, heading := range headings {
			if after, ok := strings.CutPrefix(strings.TrimLeft(line, " \t>|"), heading); ok {
				if current != "" {
					found[current] = text[begin:offset]
				}
				current, begin = heading, offset+len(line)-len(after)
			}
		}
		offset += len(line)
	}
	if current != "" {
		found[current] = text[begin:]
	}
	return found
}

// object returns the JSON object at the beginning of a section, nil for (null).
func object(section string) (json.RawMessage, error) {
	section = strings.TrimSpace(section)
	switch {
	case strings.HasPrefix(section, "(null)"):
		return nil, nil
	case !strings.HasPrefix(section, "{"):
		return nil, errors.New("the heading is followed by neither {json} nor (null)")
	}
	var content json.RawMessage
	// The decoder stops where the object ends; what follows is of something else.
	err := json.NewDecoder(strings.NewReader(section)).Decode(&content)
	if err != nil {
		err = json.NewDecoder(strings.NewReader(repaired(section))).Decode(&content)
	}
	if err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	return content, nil
}

// repaired returns JSON whose strings hold a backslash that escapes nothing, as in `jane\@example.com`, or a line break. zsh's
// echo makes both of what app-sso prints, and so do terminals that wrap lines.
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

// parseTokens reads the time under "Expiration:", and what macOS says about it: "(Not Expired)" [FL-S1]. Where it says nothing
// that is known, the time of printing decides.
func parseTokens(section string, printed time.Time) (tokens Tokens) {
	_, expiration, found := strings.Cut(section, "Expiration:")
	if !found {
		return Tokens{}
	}
	line, _, _ := strings.Cut(strings.TrimSpace(expiration), "\n")
	stamp, said, _ := strings.Cut(strings.TrimSpace(line), " ")
	if at, err := time.Parse(time.RFC3339, stamp); err == nil {
		tokens.ExpireAt = at
	}
	switch said = strings.ToLower(strings.Trim(said, " ()")); {
	case said == "expired":
		tokens.Expired = true
	case said != "not expired":
		tokens.Expired = !tokens.ExpireAt.IsZero() && !printed.IsZero() && !printed.Before(tokens.ExpireAt)
	}
	return tokens
}

// printedAt reads the line "Time: 2026-04-25 09:41:29 +0000", the zero time where there is none.
func printedAt(output string) time.Time {
	for line := range strings.Lines(output) {
		if stamp, found := strings.CutPrefix(strings.TrimSpace(line), "Time:"); found {
			if at, err := time.Parse("2006-01-02 15:04:05 -0700", strings.TrimSpace(stamp)); err == nil {
				return at
			}
		}
	}
	return time.Time{}
}
