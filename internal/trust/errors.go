package trust

import (
	"errors"
	"fmt"
	"io/fs"
)

// ErrUntrusted is wrapped by every [*Error]: somebody besides root and our own user can change what was asked for, or
// it is not the kind of file that the policy is for.
var ErrUntrusted = errors.New("not trusted")

// Reason is why something is not trusted.
type Reason int

// The reasons.
const (
	// NotAbsolute is a path that does not say from where it leads.
	NotAbsolute Reason = iota
	// Owner is a file, directory or link of another user.
	Owner
	// Everybody and Group are a mode that lets others write.
	Everybody
	Group
	// Shared is a mode that lets others use a file that only its owner may use.
	Shared
	// Kind is something else than the policy is for, for example a directory where a program is needed.
	Kind
	// Link is a symbolic link where none may be.
	Link
	// Missing is a name that does not exist, in a directory in which others can make it. The error wraps
	// [fs.ErrNotExist] too.
	Missing
	// Replaced is a file that became another one while it was opened.
	Replaced
)

// Error says what of a path is not trusted, why, and what to do. It wraps [ErrUntrusted].
type Error struct {
	// Path is what was asked for, Component what of it is not trusted: the path itself, or a directory or link on the
	// way.
	Path, Component string
	Reason          Reason
	// UID and GID own the component, and Mode is its mode.
	UID, GID uint32
	Mode     fs.FileMode
	// Fix is what to do, as a part of a sentence: "run: chmod go-w '/etc/usher'".
	Fix string

	policy Policy
}

// Error is one line: what is not trusted, why, and the fix.
func (e *Error) Error() string {
	text := e.Describe(e.Component)
	if consequence := e.policy.consequence; consequence != "" && e.Reason != Kind && e.Reason != NotAbsolute {
		text += ", " + consequence
	}
	if e.Fix != "" {
		text += "; " + e.Fix
	}
	return text
}

// Describe is the reason as a clause about a subject, for example "it" or the component.
func (e *Error) Describe(subject string) string {
	mode := fmt.Sprintf("(mode %04o)", permissions(e.Mode))
	switch e.Reason {
	case NotAbsolute:
		return fmt.Sprintf("%q is not an absolute path", e.Path)
	case Owner:
		return fmt.Sprintf("%s belongs to uid %d", subject, e.UID)
	case Everybody:
		return fmt.Sprintf("%s can be written by everybody %s", subject, mode)
	case Group:
		return fmt.Sprintf("%s can be written by group %d %s", subject, e.GID, mode)
	case Shared:
		possessive := "the mode of " + subject
		if subject == "it" {
			possessive = "its mode"
		}
		return fmt.Sprintf("%s is %04o, so others than its owner may use it", possessive, permissions(e.Mode))
	case Kind:
		return subject + " is not " + e.policy.kind.String()
	case Link:
		return subject + " is a symbolic link"
	case Missing:
		return fmt.Sprintf("%s does not exist, and others can make it", subject)
	case Replaced:
		return subject + " was replaced while it was opened"
	}
	return subject + " is not trusted"
}

// Unwrap returns the sentinels.
func (e *Error) Unwrap() []error {
	if e.Reason == Missing {
		return []error{ErrUntrusted, fs.ErrNotExist}
	}
	return []error{ErrUntrusted}
}

// permissions are the bits of a mode as chmod has them.
func permissions(mode fs.FileMode) uint32 {
	bits := uint32(mode.Perm())
	if mode&fs.ModeSticky != 0 {
		bits |= 0o1000
	}
	return bits
}
