// Package preflight finds what would make a registration fail, before the user is bothered with it.
//
// [New] makes the [Checks] of a configuration; [Checks.Check] walks them in order, the cheap ones first, and returns the
// first trouble as a [registration.PreflightError] whose detail says what was seen and how to mend it. A check that
// could not look passes and is logged: "could not look" is never "not there".
//
// What it does not look at: the version and the code signature of Company Portal. On macOS the file's owner and mode
// say that only root can have put it there; that Microsoft (Team ID UBF8T346G9) signed it is a later issue's work.
package preflight

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"usher.internal/helper/registration"
)

// Config says what to look at. An empty PortalExecutable is missing; the other empty fields turn their check off.
type Config struct {
	// PortalExecutable is the program inside Company Portal's bundle.
	PortalExecutable string
	// JamfPreferences is the path of com.jamfsoftware.jamf.plist.
	JamfPreferences string
	// Endpoints are host:port, of which at least one must answer.
	Endpoints []string
	// Dial connects to an endpoint; nil is [net.Dialer.DialContext].
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Logger is told which check could not look; nil is [slog.Default].
	Logger *slog.Logger
}

// Checks are the checks of one configuration. It keeps no state: any number of goroutines may use it.
type Checks struct {
	table []check
	log   *slog.Logger
}

// check is one precondition. look returns the trouble as a sentence with its fix, "" when there is none, or an error
// when it could not look.
type check struct {
	name   string
	reason registration.FailureReason
	look   func(ctx context.Context) (trouble string, err error)
}

// New returns the checks for a configuration. It touches nothing yet.
func New(config Config) *Checks {
	log := config.Logger
	if log == nil {
		log = slog.Default()
	}
	dial := config.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	portal, jamf, endpoints := portal{config.PortalExecutable}, jamfPreferences{config.JamfPreferences}, endpoints{config.Endpoints, dial}
	return &Checks{log: log, table: []check{
		{"Company Portal is installed", registration.ReasonPortalMissing, portal.installed},
		{"Company Portal is protected from change", registration.ReasonPortalNotTrusted, portal.protected},
		{"Conditional Access is enabled in Jamf", registration.ReasonConditionalAccessDisabled, jamf.conditionalAccessEnabled},
		{"registration endpoints can be reached", registration.ReasonEndpointsUnreachable, endpoints.reachable},
	}}
}

// Check returns nil, a [*registration.PreflightError], or the error of a context that has ended. It blocks while the
// endpoints do not answer, at most 5 s.
func (c *Checks) Check(ctx context.Context) error {
	for _, check := range c.table {
		trouble, err := check.look(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("check that %s: %w", check.name, context.Cause(ctx))
		}
		if err != nil {
			c.log.WarnContext(ctx, "preflight check could not look and passes", "check", check.name, "error", err)
			continue
		}
		if trouble != "" {
			return &registration.PreflightError{Reason: check.reason, Detail: trouble}
		}
	}
	return nil
}
