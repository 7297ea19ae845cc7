package terminal

import (
	"os"
	"strings"
)

// Style is how a part of a text is emphasised on a terminal with colours.
type Style string

// The styles that usherctl uses.
const (
	Bold   Style = "1"
	Faint  Style = "2"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
	Blue   Style = "34"
	Cyan   Style = "36"
)

// Styled returns a text with styles, or the plain text if colours are not available or not wanted.
func (t *Terminal) Styled(text string, styles ...Style) string {
	_, noColour := os.LookupEnv("NO_COLOR") // https://no-color.org
	if !t.Person || noColour || os.Getenv("TERM") == "dumb" || len(styles) == 0 {
		return text
	}
	codes := make([]string, len(styles))
	for i, style := range styles {
		codes[i] = string(style)
	}
	return "\x1b[" + strings.Join(codes, ";") + "m" + text + "\x1b[0m"
}
