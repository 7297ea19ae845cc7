// Package english puts numbers and times into sentences.
package english

import (
	"fmt"
	"strings"
	"time"
)

// Count writes a number of things: "1 delivery", "3 deliveries". The noun is given in the singular.
func Count[N int | int32 | int64](number N, noun string) string {
	switch {
	case number == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "y"):
		noun = strings.TrimSuffix(noun, "y") + "ie"
	}
	return fmt.Sprintf("%d %ss", number, noun)
}

// Age writes how long something is past in its largest unit, rounded down, and is empty below a minute.
func Age(past time.Duration) string {
	switch {
	case past < time.Minute:
		return ""
	case past < time.Hour:
		return fmt.Sprintf("%d min", int(past.Minutes()))
	case past < 48*time.Hour:
		return fmt.Sprintf("%d h", int(past.Hours()))
	}
	return fmt.Sprintf("%d days", int(past.Hours()/24))
}
