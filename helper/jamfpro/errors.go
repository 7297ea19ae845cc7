package jamfpro

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"usher.internal/internal/oneline"
)

// ServerError is one of the errors in Jamf Pro's answer. The values that we sent are redacted in it.
type ServerError struct {
	Code        string `json:"code"`
	Field       string `json:"field"`
	Description string `json:"description"`
}

// String returns the error on one line.
func (e ServerError) String() string {
	var parts []string
	for _, part := range []string{e.Code, e.Description} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	text := strings.Join(parts, ": ")
	if e.Field != "" {
		text += " (field " + e.Field + ")"
	}
	return text
}

// APIError is a call without its expected answer.
type APIError struct {
	// Operation is the purpose of the call, for example "update the computer".
	Operation string
	Method    string
	// Path is the call's path below the server's URL, with {id} instead of ids, and without its query.
	Path string
	Host string
	// Status is the HTTP status. It is 0 if no answer came, and then Err says why.
	Status int
	// Errors are the errors in Jamf Pro's answer; may be empty.
	Errors []ServerError
	// RetryAfter is how long the server asks us to wait, at most [MaximumRetryAfter]. 0 means that it does not say.
	RetryAfter time.Duration
	// NotJSON is true if the answer is not the API's: a maintenance page, a captive portal, another server.
	NotJSON bool
	// ContentType is the media type of such an answer. RedirectedTo is the host of its redirect.
	ContentType, RedirectedTo string
	// Privilege is the privilege that the call needs; may be empty.
	Privilege string
	// Gateway is true for the gateway of Jamf's Platform API, which has other names for privileges.
	Gateway bool
	// Err is the cause if no usable answer came; may be nil.
	Err error

	// aboutClient is true for the call that authenticates us.
	aboutClient bool
}

// Error returns one line: the operation, the answer, and the fix.
func (e *APIError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s (%s %s at %s): ", e.Operation, e.Method, e.Path, e.Host)
	if e.Status != 0 {
		fmt.Fprintf(&text, "%d %s", e.Status, http.StatusText(e.Status))
	}
	switch {
	case e.Status == 0 && errors.Is(e.Err, context.DeadlineExceeded):
		text.WriteString("no answer in time")
	case e.Status == 0:
		fmt.Fprintf(&text, "no answer: %v", e.Err)
	case e.RedirectedTo != "":
		fmt.Fprintf(&text, ", a redirect to %s", e.RedirectedTo)
	case e.NotJSON && e.Err != nil:
		fmt.Fprintf(&text, ", %v", e.Err)
	case e.NotJSON:
		fmt.Fprintf(&text, ", answered in %s", e.answeredIn())
	}
	for _, one := range e.Errors {
		fmt.Fprintf(&text, ", %s", one)
	}
	if e.verdict() == notJSON {
		return text.String() + ": " + e.advice()
	}
	return text.String() + "; " + e.advice()
}

func (e *APIError) answeredIn() string {
	switch e.ContentType {
	case "text/html", "application/xhtml+xml":
		return "HTML"
	case "":
		return "an unknown format"
	default:
		return e.ContentType
	}
}

// Is matches one of [ErrRefused] and [ErrUnreachable].
func (e *APIError) Is(target error) bool {
	return target == ErrRefused && e.Permanent() || target == ErrUnreachable && !e.Permanent()
}

func (e *APIError) Unwrap() error { return e.Err }

// mentions reports whether one of the server's errors contains the word, in any case.
func (e *APIError) mentions(word string) bool {
	for _, one := range e.Errors {
		if strings.Contains(strings.ToLower(one.Code+" "+one.Field+" "+one.Description), word) {
			return true
		}
	}
	return false
}

// isUnknownID reports whether the API says that the id of the call does not exist. A server that does not know the call
// also answers 404, but does not say that.
func (e *APIError) isUnknownID() bool {
	return e.Status == http.StatusNotFound && slices.ContainsFunc(e.Errors, func(one ServerError) bool {
		return one.Code == "INVALID_ID" || one.Field == "id" || one.Field == "deviceId"
	})
}

// longestText is the maximum length of a server's text that is shown, in characters.
const longestText = 300

// identifier matches UDIDs and the ids of Entra, which identify a person's computer.
var identifier = regexp.MustCompile(`[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}`)

// hideIn replaces each of the sensitive texts in text, and everything that looks like an identifier. It returns one
// line of limited length.
func hideIn(text string, sensitive []string) string {
	for _, one := range sensitive {
		// Shorter texts would match inside harmless words.
		if len(one) >= 4 {
			text = strings.ReplaceAll(text, one, redacted)
		}
	}
	return oneline.Of(identifier.ReplaceAllLiteralString(text, redacted), longestText)
}

// hideInError returns err, or a redacted error if its text contains something sensitive.
func hideInError(err error, sensitive []string) error {
	if text := err.Error(); hideIn(text, sensitive) != text {
		return errors.New(hideIn(text, sensitive))
	}
	return err
}
