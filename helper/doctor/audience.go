package doctor

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// audience says who may see the result of a check. Each row of the table sets it; only admins see a row without one.
type audience string

const (
	// everyone: the check is about the computer, and says nothing that GetStatus hides from a user who is not an admin.
	everyone audience = "everyone"
	// themselves: each outcome is about a user. That user sees it; admins see those of all users.
	themselves audience = "users themselves"
	// admins: the result describes faults of the configuration, the rights of the API secret, or programs that root
	// runs.
	admins audience = "admins"
)

// Caller is the caller of an examination. The zero value is root's account without an admin's rights.
type Caller struct {
	// Admin makes all checks run, and run now. Other callers get the checks that they may see. If a check asks somebody
	// or runs a program, its answer may be as old as [keptFor].
	Admin bool
	// UID is the user whom outcomes may be about. With All they may be about every user; that requires an admin.
	UID uint32
	All bool
}

// sees reports whether the caller may see outcomes about a user.
func (c Caller) sees(uid uint32) bool { return c.Admin && c.All || uid == c.UID }

// keptFor is how long callers who are not admins get the same answer. They share answers about the computer; each has
// their own answers about themselves.
func (a audience) keptFor() time.Duration {
	if a == themselves {
		return 10 * time.Second
	}
	return longestKept
}

// longestKept is how long any answer is kept.
const longestKept = time.Minute

// scope says whose answer it is, for [shared.do]: that of everybody, or of the users whom the caller sees.
func (a audience) scope(name string, caller Caller) string {
	switch {
	case a != themselves:
		return name
	case caller.Admin && caller.All:
		return name + " of all"
	}
	return fmt.Sprintf("%s of %d", name, caller.UID)
}

// withheld is the outcome of a check that the caller may not see. The check does not run, and its result is not shown.
func withheld() Outcome { return notApplicable("Only root and admins see this.") }

// numbered is the form of an account in sentences if only its number is known.
var numbered = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\buid ([0-9]+)`) })

// WithoutOthers changes a sentence for the user own, who is not an admin: it hides the numbers of other users. Root's
// number is not a secret.
func WithoutOthers(sentence string, own uint32) string {
	return numbered().ReplaceAllStringFunc(sentence, func(found string) string {
		if number := strings.TrimPrefix(found, "uid "); number == "0" || number == strconv.FormatUint(uint64(own), 10) {
			return found
		}
		return "another user"
	})
}
