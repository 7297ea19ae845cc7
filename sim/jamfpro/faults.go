package jamfpro

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FaultKind is the kind of misbehaviour.
type FaultKind string

// The kinds of faults.
const (
	// FaultStatus answers with Status in an ApiError, and does not carry out the request.
	FaultStatus FaultKind = "status"
	// FaultRevokeToken makes the token of the request invalid before the check: 401 until the client fetches a new one.
	FaultRevokeToken FaultKind = "revoke_token"
	// FaultSlow carries out the request after Delay. Every other kind can be delayed too.
	FaultSlow FaultKind = "slow"
	// FaultReset resets the connection, and does not carry out the request.
	FaultReset FaultKind = "reset"
	// FaultLostAnswer carries out the request, and resets the connection in place of an answer.
	FaultLostAnswer FaultKind = "lost_answer"
	// FaultTruncated carries out the request, and answers with the first half of the JSON.
	FaultTruncated FaultKind = "truncated"
	// FaultHTML answers with a maintenance page in HTML, under Status, or 503.
	FaultHTML FaultKind = "html"
	// FaultCaptivePortal answers with a redirect to a sign-in page, under Status, or 302.
	FaultCaptivePortal FaultKind = "captive_portal"
	// FaultWrongID carries out the request, and answers with ID in the place of every id.
	FaultWrongID FaultKind = "wrong_id"
)

var faultKinds = []FaultKind{FaultStatus, FaultRevokeToken, FaultSlow, FaultReset, FaultLostAnswer, FaultTruncated,
	FaultHTML, FaultCaptivePortal, FaultWrongID}

// ErrInvalidFault: the fault is not possible.
var ErrInvalidFault = errors.New("invalid fault")

// Fault is a misbehaviour on demand. If several match a request, the oldest applies.
type Fault struct {
	Kind FaultKind
	// Method and PathPrefix select the requests; empty means any. Faults never affect the control under /sim, but they
	// do affect the inventory of `jamf recon`.
	Method, PathPrefix string
	// Count is the number of requests; zero means until it is cleared.
	Count int
	// Status is for the kinds that mention it.
	Status int
	// RetryAfter adds a Retry-After header to the answers status and html, in seconds, or as a date at that distance.
	RetryAfter       time.Duration
	RetryAfterAsDate bool
	// Delay passes before anything else happens, unless the client hangs up first.
	Delay time.Duration
	// ID is the id in answers of the kind wrong_id; it can be "".
	ID string
}

// faultJSON is the form of a [Fault] in JSON: durations are text like "1.5s".
type faultJSON struct {
	Kind             FaultKind `json:"kind"`
	Method           string    `json:"method,omitempty"`
	PathPrefix       string    `json:"path_prefix,omitempty"`
	Count            int       `json:"count,omitempty"`
	Status           int       `json:"status,omitempty"`
	RetryAfter       string    `json:"retry_after,omitempty"`
	RetryAfterAsDate bool      `json:"retry_after_as_date,omitempty"`
	Delay            string    `json:"delay,omitempty"`
	ID               string    `json:"id,omitempty"`
}

// MarshalJSON implements [json.Marshaler].
func (f Fault) MarshalJSON() ([]byte, error) {
	return json.Marshal(faultJSON{
		f.Kind, f.Method, f.PathPrefix, f.Count, f.Status, formatDuration(f.RetryAfter), f.RetryAfterAsDate,
		formatDuration(f.Delay), f.ID,
	})
}

func formatDuration(duration time.Duration) string {
	if duration == 0 {
		return ""
	}
	return duration.String()
}

// UnmarshalJSON implements [json.Unmarshaler]. Unknown keys are errors.
func (f *Fault) UnmarshalJSON(content []byte) error {
	decoder := json.NewDecoder(strings.NewReader(string(content)))
	decoder.DisallowUnknownFields()
	var read faultJSON
	if err := decoder.Decode(&read); err != nil {
		return err
	}
	retryAfter, err := parseDuration(read.RetryAfter)
	if err != nil {
		return fmt.Errorf("retry_after: %w", err)
	}
	delay, err := parseDuration(read.Delay)
	if err != nil {
		return fmt.Errorf("delay: %w", err)
	}
	*f = Fault{read.Kind, read.Method, read.PathPrefix, read.Count, read.Status, retryAfter, read.RetryAfterAsDate,
		delay, read.ID}
	return nil
}

func parseDuration(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	return time.ParseDuration(text)
}

func (f Fault) validate() error {
	switch {
	case !slices.Contains(faultKinds, f.Kind):
		return fmt.Errorf("%w: kind %q; allowed are %q", ErrInvalidFault, f.Kind, faultKinds)
	case f.Kind == FaultStatus && (f.Status < 400 || f.Status > 599):
		return fmt.Errorf("%w: status %d; kind status takes 400 to 599", ErrInvalidFault, f.Status)
	case f.Kind == FaultHTML && f.Status != 0 &&
		(f.Status < 200 || f.Status > 599 || f.Status == 204 || f.Status == 304):
		return fmt.Errorf("%w: status %d cannot have a page", ErrInvalidFault, f.Status)
	case f.Kind == FaultCaptivePortal && f.Status != 0 && (f.Status < 301 || f.Status > 308 || f.Status == 304):
		return fmt.Errorf("%w: status %d is not a redirect", ErrInvalidFault, f.Status)
	case f.Kind == FaultSlow && f.Delay <= 0:
		return fmt.Errorf("%w: kind slow takes a delay", ErrInvalidFault)
	case f.Kind != FaultWrongID && f.ID != "":
		return fmt.Errorf("%w: only kind wrong_id takes an id", ErrInvalidFault)
	case f.Count < 0 || f.Delay < 0 || f.RetryAfter < 0:
		return fmt.Errorf("%w: count, delay and retry_after cannot be negative", ErrInvalidFault)
	}
	return nil
}

// AddFault makes requests fail from now on. Its error is [ErrInvalidFault].
func (s *Server) AddFault(fault Fault) error {
	if err := fault.validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &fault)
	return nil
}

// ClearFaults ends all faults. Delays of active requests continue.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Faults returns the remaining faults, with the rest of their counts.
func (s *Server) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := []Fault{}
	for _, one := range s.faults {
		left = append(left, *one)
	}
	return left
}

// takeFault returns the fault for a request, or nil, and shows the request to everyone in Await.
func (s *Server) takeFault(r *http.Request, seen *Request) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.broadcast()
	for i, one := range s.faults {
		if one.Method != "" && one.Method != r.Method || !strings.HasPrefix(r.URL.Path, one.PathPrefix) {
			continue
		}
		taken := *one
		seen.Fault = taken.Kind
		if one.Count == 1 {
			s.faults = slices.Delete(s.faults, i, i+1)
		} else if one.Count > 1 {
			one.Count--
		}
		return &taken
	}
	return nil
}

// retryAfter writes the Retry-After header.
func (f Fault) retryAfter(header http.Header, now time.Time, gateway *Gateway) {
	switch {
	case f.RetryAfter == 0:
	case gateway != nil: // it has a header of its own
		header.Set("X-Ratelimit-Reset", strconv.Itoa(int(f.RetryAfter.Round(time.Second)/time.Second)))
	case f.RetryAfterAsDate:
		header.Set("Retry-After", now.Add(f.RetryAfter).UTC().Format(http.TimeFormat))
	default:
		header.Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Round(time.Second)/time.Second)))
	}
}
