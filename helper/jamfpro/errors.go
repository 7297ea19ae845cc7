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

// ServerError is one entry of the errors that Jamf Pro answered with. What we sent is redacted in it.
type ServerError struct {
	Code        string `json:"code"`
	Field       string `json:"field"`
	Description string `json:"description"`
}

// String is the entry on one line.
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

// APIError is a call that did not come to the answer that it should have.
type APIError struct {
	// Operation is what was wanted, for example "update the computer".
	Operation string
	Method    string
	// Path is the call's path below the server's URL, with {id} in place of ids and without its query.
	Path string
	// Host is the server's.
	Host string
	// Status is that of the answer; 0 when none came, and then Err says why.
	Status int
	// Errors is what Jamf Pro says; may be empty.
	Errors []ServerError
	// RetryAfter is how long the server asks us to wait, at most [MaximumRetryAfter]; 0 where it does not say.
	RetryAfter time.Duration
	// NotJSON is true when the answer is not one of the API's: a maintenance page, a captive portal, another server.
	NotJSON bool
	// ContentType is the media type of such an answer, RedirectedTo the host that it leads to.
	ContentType, RedirectedTo string
	// Privilege is the one that the call needs; may be empty.
	Privilege string
	// Gateway is true for the gateway of Jamf's Platform API, where what is given has other names.
	Gateway bool
	// Err is the cause where no usable answer came; may be nil.
	Err error

	// aboutClient is true for the call that proves who we are.
	aboutClient bool
}

// Error is one line: what was tried, what came back, and the fix.
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

// Is makes every error of a call one of [ErrRefused] and [ErrUnreachable].
func (e *APIError) Is(target error) bool {
	return target == ErrRefused && e.Permanent() || target == ErrUnreachable && !e.Permanent()
}

// Unwrap returns the cause.
func (e *APIError) Unwrap() error { return e.Err }

// mentions tells whether one of the server's errors has the word in it, in whichever case.
func (e *APIError) mentions(word string) bool {
	for _, one := range e.Errors {
		if strings.Contains(strings.ToLower(one.Code+" "+one.Field+" "+one.Description), word) {
			return true
		}
	}
	return false
}

// isUnknownID tells whether the API says that it has nothing with the id of the call. A server that does not know the
// call answers 404 too, and does not say that.
func (e *APIError) isUnknownID() bool {
	return e.Status == http.StatusNotFound && slices.ContainsFunc(e.Errors, func(one ServerError) bool {
		return one.Code == "INVALID_ID" || one.Field == "id" || one.Field == "deviceId"
	})
}

// longestText is how much of what a server says is shown, in characters.
const longestText = 300

// identifier is how UDIDs and the ids of Entra look, which say whose computer it is.
var identifier = regexp.MustCompile(`[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}`)

// hideIn replaces each of the sensitive texts in text and everything that looks like an identifier, and makes one
// bounded line of it.
func hideIn(text string, sensitive []string) string {
	for _, one := range sensitive {
		// Shorter ones would take harmless words apart.
		if len(one) >= 4 {
			text = strings.ReplaceAll(text, one, redacted)
		}
	}
	return oneline.Of(identifier.ReplaceAllLiteralString(text, redacted), longestText)
}

// hideInError returns err, or, if its text has something sensitive in it, an error with that redacted.
func hideInError(err error, sensitive []string) error {
	if text := err.Error(); hideIn(text, sensitive) != text {
		return errors.New(hideIn(text, sensitive))
	}
	return err
}
