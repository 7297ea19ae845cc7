// Package doctor examines what a registration needs, with one table of checks. Each check has its evidence and its fix.
//
// [New] builds the [Checks] of a configuration. [Checks.Examine] runs all of them for `usherctl doctor`. [Checks.Check]
// is the preflight. It runs the checks that would make a registration fail, before the user is bothered.
//
// A check that could not look is a warning that says why. It passes in the preflight: "could not look" is never "not
// there". Not visible from here are group memberships and device limits in Microsoft Entra, the licence in Intune, and
// whether Jamf Pro's record is in the group of its device compliance. A check changes nothing.
package doctor

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"usher.internal/helper/jamfpro"
	"usher.internal/helper/observation"
	"usher.internal/helper/proxy"
	"usher.internal/helper/registration"
	"usher.internal/helper/sessions"
	"usher.internal/helper/store"
	"usher.internal/helper/thismac"
	"usher.internal/internal/accounts"
	"usher.internal/internal/command"
)

// Sessions knows who is logged in with an agent.
type Sessions interface {
	// List returns the sessions in the order of their uids.
	List() []sessions.Session
}

// Kept is the last knowledge about users; an [observation.Observer] has it.
type Kept interface {
	All() ([]observation.Observation, error)
	// LeavesLoginKeychain reports whether a user's login keychain must not be read unless somebody explicitly asks for
	// it.
	LeavesLoginKeychain(uid uint32) (bool, error)
}

// JamfPro is the API client of Jamf Pro; a [jamfpro.Setup] or a [jamfpro.Client] is one.
type JamfPro interface {
	CheckPrivileges(ctx context.Context) (jamfpro.Checked, error)
}

// Config says what to examine. An empty PortalExecutable is missing; any other empty field makes its check not
// applicable.
type Config struct {
	// PortalExecutable is the program inside Company Portal's bundle. PortalMinimumVersion is the oldest version of the
	// bundle that starts a registration, empty for any.
	PortalExecutable     string
	PortalMinimumVersion string
	// CodeSign verifies code signatures. Without a path it is the platform's own program, which only macOS has.
	CodeSign command.Command
	// Profiles shows the profiles of this Mac. Without a path it is the platform's own program, which only macOS has.
	// ManagedPreferences is the folder where macOS keeps the settings of profiles.
	Profiles           command.Command
	ManagedPreferences string

	// PrimaryUser is the configured user; empty means none.
	PrimaryUser string

	AgentExecutable string
	Sessions        Sessions
	// Kept is the knowledge about users, who may be logged out; nil means none.
	Kept Kept
	// RenamedKeychains returns the login keychains of a user that macOS has renamed, the newest first.
	RenamedKeychains func(ctx context.Context, uid uint32) ([]thismac.RenamedKeychain, error)
	// AtConsole returns the user on the console; nil is [accounts.AtConsole].
	AtConsole      func() (accounts.User, bool)
	JamfExecutable string
	// JamfPreferences is the path of com.jamfsoftware.jamf.plist.
	JamfPreferences string
	// Endpoints are host:port. At least one of those for registration and sign-in must answer.
	Endpoints []string
	// CloudHost is the sign-in host of the tenant's cloud.
	CloudHost string
	// Proxies finds the proxy of each call; nil is the system's own.
	Proxies *proxy.Finder
	// Roots are the public authorities; nil means Mozilla's.
	Roots *x509.CertPool
	// JamfPro is nil if results are delivered by recon.
	JamfPro JamfPro
	// ManagedConfiguration and LocalConfiguration are the files of the configuration's layers (config.Places).
	ManagedConfiguration string
	LocalConfiguration   string
	// Configuration returns why these files are not in force, nil if they are.
	Configuration  func() error
	StateDirectory string
	// Journal returns the error of the last write to the journal, nil if it succeeded.
	Journal func() error
	// Damages returns the parts of the journal that were set aside in the last 30 days.
	Damages func() ([]store.Damage, error)

	// Dial connects to an endpoint; nil is [net.Dialer.DialContext].
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Transport asks an endpoint for the time; nil is our own transport over Dial.
	Transport http.RoundTripper
	// Logger gets a record for each check of the preflight that could not look; nil is [slog.Default].
	Logger *slog.Logger
}

// Checks are the checks of one configuration. Any number of goroutines may use it. For callers who are not admins, it
// keeps costly answers for a minute.
type Checks struct {
	config Config
	log    *slog.Logger
	shared *shared
}

// New returns the checks for a configuration. It examines nothing yet.
func New(config Config) *Checks {
	if config.Dial == nil {
		config.Dial = new(net.Dialer).DialContext
	}
	if config.Proxies == nil {
		config.Proxies = proxy.New(nil)
	}
	if config.Transport == nil {
		config.Transport = &http.Transport{DialContext: config.Dial, Proxy: config.Proxies.Proxy,
			DisableKeepAlives: true}
	}
	if config.CodeSign.Path == "" {
		config.CodeSign = codesigner()
	}
	if config.Profiles.Path == "" {
		config.Profiles = profileTool()
	}
	if config.AtConsole == nil {
		config.AtConsole = accounts.AtConsole
	}
	return &Checks{config: config, log: cmp.Or(config.Logger, slog.Default()), shared: new(shared)}
}

// Check is the preflight. It returns nil, a [*registration.PreflightError] with the first problem, or the error of a
// context that has ended. Cheap checks come first. It blocks for at most 5 s while the endpoints do not answer, and
// then for at most 30 s while macOS verifies the signature of Company Portal.
func (c *Checks) Check(ctx context.Context) error {
	table := slices.DeleteFunc(c.table(Caller{}, time.Now()), func(one check) bool { return one.reason == "" })
	slices.SortStableFunc(table, func(a, b check) int { return cmp.Compare(a.within, b.within) })
	for _, one := range table {
		found, err := one.lookInTime(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("check %s: %w", one.name, context.Cause(ctx))
		}
		if err != nil {
			c.log.WarnContext(ctx, "preflight check could not look and passes", "check", one.name, "error", err)
			continue
		}
		for _, trouble := range found {
			if trouble.Result == Failed {
				return &registration.PreflightError{Reason: one.reason, Detail: one.complete(trouble).sentences()}
			}
		}
	}
	return nil
}

// Examine runs the checks that the caller may see side by side. It calls report with each outcome as soon as it is
// there, in the order of the table. A check for admins only is reported as such to others. Examine looks only at the
// users whom the caller may see.
//
// Examinations that ask the same at the same time share the answer. Otherwise an admin's checks run now, and those of
// others as [Caller] says.
//
// It returns the first error of report, or that of a context that has ended. Each check has its own time limit, so
// Examine ends by itself, within a minute.
func (c *Checks) Examine(ctx context.Context, caller Caller, report func(found Outcome) error) error {
	begun := time.Now()
	table := c.table(caller, begun)
	ctx, cancel := context.WithCancel(ctx)
	var looks sync.WaitGroup
	defer looks.Wait()
	defer cancel()
	answers := make([]chan []Outcome, len(table))
	for i, one := range table {
		answers[i] = make(chan []Outcome, 1)
		looks.Go(func() { answers[i] <- c.examine(ctx, one, caller, begun) })
	}
	for _, answer := range answers {
		var found []Outcome
		select {
		case found = <-answer:
		case <-ctx.Done():
		}
		if ctx.Err() != nil { // the result of an interrupted look says nothing
			return fmt.Errorf("examine: %w", context.Cause(ctx))
		}
		for _, one := range found {
			if err := report(one); err != nil {
				return err
			}
		}
	}
	return nil
}

// check is one row of the table: one precondition. It may have an outcome for each user or privilege.
type check struct {
	// name and title are those of its outcomes, unless an outcome has its own.
	name, title string
	// looksAt and fix are sentences, also for the documentation. fix is used for each outcome with a problem that has
	// no fix of its own.
	looksAt, fix string
	// seenBy says who may see its outcomes.
	seenBy audience
	// reason is the reason with which a registration fails. It is empty if the check is not part of the preflight.
	reason registration.FailureReason
	// within is the time limit for look; 0 means that it asks nobody.
	within time.Duration
	// look returns at least one outcome, or an error if it could not look.
	look func(ctx context.Context) ([]Outcome, error)
}

// promptly is the limit for looks that ask nobody: a file may be on a disk that does not answer.
const promptly = 5 * time.Second

func (c check) lookInTime(ctx context.Context) ([]Outcome, error) {
	within := cmp.Or(c.within, promptly)
	looking, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("there was no answer within %s", within))
	defer cancel()
	found, err := c.look(looking)
	if err != nil && looking.Err() != nil {
		return nil, context.Cause(looking)
	}
	return found, err
}

// examine runs one check for a caller, or returns a stored answer.
func (c *Checks) examine(ctx context.Context, one check, caller Caller, begun time.Time) []Outcome {
	if !caller.Admin && one.seenBy != everyone && one.seenBy != themselves {
		return []Outcome{one.complete(withheld())}
	}
	found, err := c.look(ctx, one, caller, begun)
	if err != nil {
		found = []Outcome{couldNotLook(err)}
	}
	found = slices.Clone(found) // others may have the same answer
	for i := range found {
		found[i] = one.complete(found[i])
		if !caller.Admin {
			found[i].Evidence, found[i].Fix = WithoutOthers(found[i].Evidence, caller.UID),
				WithoutOthers(found[i].Fix, caller.UID)
		}
	}
	return found
}

func (c *Checks) look(ctx context.Context, one check, caller Caller, begun time.Time) ([]Outcome, error) {
	if one.within == 0 { // it asks nobody, and costs next to nothing
		return one.lookInTime(ctx)
	}
	notBefore := begun
	if !caller.Admin {
		notBefore = begun.Add(-one.seenBy.keptFor())
	}
	found, err := c.shared.do(ctx, one.seenBy.scope(one.name, caller), notBefore,
		func(ctx context.Context) (any, error) { return one.lookInTime(ctx) })
	if err != nil {
		return nil, err
	}
	return found.([]Outcome), nil
}

// complete fills in the parts that the outcome leaves to the table.
func (c check) complete(found Outcome) Outcome {
	found.Name, found.Title = cmp.Or(found.Name, c.name), cmp.Or(found.Title, c.title)
	switch {
	case found.Result == OK, found.Result == NotApplicable, found.notSeen:
		found.Fix = ""
	case !found.claimed:
		found.Fix = cmp.Or(found.Fix, c.fix)
	}
	return found
}

// sentences returns evidence and fix for a reader who sees nothing else.
func (o Outcome) sentences() string { return strings.TrimSpace(o.Evidence + " " + o.Fix) }
