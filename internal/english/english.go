// Package english puts numbers into sentences.
package english

import (
	"fmt"
	"strings"
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
