// Package english puts numbers and times into sentences, and says how far apart two words are.
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

// Age writes how long ago something was in its largest unit, rounded down. It returns "" below a minute.
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

// Distance returns how many letters have to be inserted, removed or changed to turn a into b.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for i := range row {
		row[i] = i
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
