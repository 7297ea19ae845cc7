package doctor

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// audience says who may see what a check came to. Each row of the table decides it; a row that does not is seen by
// nobody but admins.
type audience string

const (
	// everyone: it is about the computer, and says nothing that GetStatus keeps from a user who is not an admin.
	everyone audience = "everyone"
	// themselves: each of its outcomes is about a user, who sees it; admins see those of all.
	themselves audience = "users themselves"
	// admins: it says what is wrong in the configuration, what may be done with the API secret, or what root runs.
	admins audience = "admins"
)

// Caller is for whom an examination is made. The zero value is root's own account, and no admin.
type Caller struct {
	// Admin has every check made, and made now. Anyone else gets the checks that they may see; of those that ask
	// somebody or run a program the answer may be as old as [keptFor].
	Admin bool
	// UID is the user whom outcomes may be about. With All they may be about every user, which takes an admin.
	UID uint32
	All bool
}

// sees reports whether outcomes about a user are for the caller.
func (c Caller) sees(uid uint32) bool { return c.Admin && c.All || uid == c.UID }

// keptFor is how long an answer is given to callers who are not admins before it is asked for again: of what is about
// the computer, for all of them together, and of what is about themselves.
func (a audience) keptFor() time.Duration {
	if a == themselves {
		return 10 * time.Second
	}
	return longestKept
}

// longestKept is how long any answer is kept.
const longestKept = time.Minute

// scope names whose answer it is, for [shared.do]: that of all, or of the users whom the caller sees.
func (a audience) scope(name string, caller Caller) string {
	switch {
	case a != themselves:
		return name
	case caller.Admin && caller.All:
		return name + " of all"
	}
	return fmt.Sprintf("%s of %d", name, caller.UID)
}

// withheld is the outcome of a check that the caller may not see. It is not made, and how it would have ended is not
// said.
func withheld() Outcome { return notApplicable("Only root and admins see this.") }

// numbered is how sentences name an account of which only the number is known.
var numbered = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\buid ([0-9]+)`) })

// WithoutOthers is a sentence for the user own, who is not an admin: other users are not named by their number. Root's
// is nobody's secret.
func WithoutOthers(sentence string, own uint32) string {
	return numbered().ReplaceAllStringFunc(sentence, func(found string) string {
		if number := strings.TrimPrefix(found, "uid "); number == "0" || number == strconv.FormatUint(uint64(own), 10) {
			return found
		}
		return "another user"
	})
}
