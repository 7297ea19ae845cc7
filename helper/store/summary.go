package store

import (
	"fmt"
	"slices"
	"time"

	"usher.internal/internal/config"
)

// Summary describes damages of one kind for an admin.
type Summary struct {
	// Text is one sentence without its full stop, and names no user.
	Text string
	// Fix is one or two sentences.
	Fix string
	// Since is when the first of them was found.
	Since time.Time
}

// gatherFix restores usher's knowledge about the users of a Mac.
var gatherFix = "Run `" + config.Sudo("gather --user NAME") + "` for each user, or `" +
	config.Sudo("register --user NAME") + "` for one whose registration was under way."

// Summarize describes damages in the order in which they were found. Those of the values of one bucket are described
// together.
func Summarize(found []Damage) []Summary {
	var summaries []Summary
	var inBuckets []string
	for _, one := range found {
		at := one.At.Format(time.RFC3339)
		switch {
		case one.Restored:
			summaries = append(summaries, Summary{
				Since: one.At,
				Text: fmt.Sprintf("its file was removed while usherd ran, and was written again at %s; "+
					"nothing is lost", at),
				Fix: "Find out what removes files from the state directory.",
			})
		case one.File != "":
			summaries = append(summaries, Summary{
				Since: one.At,
				Text: fmt.Sprintf("all of it was set aside as %s at %s, and a new one was started (%s)", one.File, at,
					one.Why),
				Fix: gatherFix + " Check that disk, and keep the file for support or remove it.",
			})
		case one.Exchanged:
			summaries = append(summaries, Summary{Since: one.At, Text: fmt.Sprintf("%s (seen at %s)", one.Why, at),
				Fix: gatherFix + " Find out what removes or replaces files in the state directory."})
		case one.Bucket == "":
			summaries = append(summaries,
				Summary{Since: one.At, Text: fmt.Sprintf("%s (seen at %s)", one.Why, at),
					Fix: gatherFix + " Check that disk."})
		case !slices.Contains(inBuckets, one.Bucket):
			inBuckets = append(inBuckets, one.Bucket)
			count := 0
			for _, other := range found {
				if other.File == "" && other.Bucket == one.Bucket {
					count++
				}
			}
			values := "1 value"
			if count > 1 {
				values = fmt.Sprintf("%d values", count)
			}
			summaries = append(summaries, Summary{
				Since: one.At,
				Text: fmt.Sprintf("%s of %s could not be read at %s and was set aside (%s)", values, one.Bucket, at,
					one.Why),
				Fix: gatherFix + " Check that disk.",
			})
		}
	}
	return summaries
}
