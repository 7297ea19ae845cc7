// Package doctor examines what a registration needs: one table of checks, each with its evidence and its fix.
//
// [New] makes the [Checks] of a configuration. [Checks.Examine] makes all of them for `usherctl doctor`. [Checks.Check]
// is the preflight: those of the same checks that would make a registration fail, before the user is bothered with it.
//
// A check that could not look is a warning that says why, and passes in the preflight: "could not look" is never "not
// there". What is not seen from here: group memberships and device limits in Microsoft Entra, the licence in Intune,
// and whether the record in Jamf Pro is in the group of its device compliance. Nothing is changed by looking.
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

// Sessions tells who is logged in with an agent.
type Sessions interface {
	// List returns the sessions in the order of their uids.
	List() []sessions.Session
}

// Kept is what was seen of users last; an [observation.Observer] has it.
type Kept interface {
	All() ([]observation.Observation, error)
	// LeavesLoginKeychain reports whether a user's login keychain is not to be read unless somebody asks for just that.
	LeavesLoginKeychain(uid uint32) (bool, error)
}

// JamfPro is the API client of Jamf Pro; a [jamfpro.Setup] or a [jamfpro.Client] is one.
type JamfPro interface {
	CheckPrivileges(ctx context.Context) (jamfpro.Checked, error)
}

// Config says what to look at. An empty PortalExecutable is missing; each other empty field makes its check not
// applicable.
type Config struct {
	// PortalExecutable is the program inside Company Portal's bundle; PortalMinimumVersion the oldest version of the
	// bundle that a registration is begun with, empty for any.
	PortalExecutable     string
	PortalMinimumVersion string
	// CodeSign verifies code signatures; without a path it is the platform's own, which macOS alone has.
	CodeSign command.Command
	// Profiles shows the profiles of this Mac; without a path it is the platform's own, which macOS alone has.
	// ManagedPreferences is the folder where macOS keeps what they set.
	Profiles           command.Command
	ManagedPreferences string

	// PrimaryUser is the one that is configured; empty is none.
	PrimaryUser string

	AgentExecutable string
	Sessions        Sessions
	// Kept is what is known of users, who may be logged out; nil is nothing.
	Kept Kept
	// RenamedKeychains returns the login keychains of a user that macOS has renamed, the newest first.
	RenamedKeychains func(ctx context.Context, uid uint32) ([]thismac.RenamedKeychain, error)
	// AtConsole returns who is at this computer; nil is [accounts.AtConsole].
	AtConsole      func() (accounts.User, bool)
	JamfExecutable string
	// JamfPreferences is the path of com.jamfsoftware.jamf.plist.
	JamfPreferences string
	// Endpoints are host:port, of which at least one of those for registration and sign-in must answer.
	Endpoints []string
	// CloudHost is the sign-in host of the tenant's cloud.
	CloudHost string
	// Proxies finds the proxy of each call; nil is the system's own.
	Proxies *proxy.Finder
	// Roots are the public authorities; nil are Mozilla's.
	Roots *x509.CertPool
	// JamfPro is nil where results are delivered by recon.
	JamfPro JamfPro
	// ManagedConfiguration and LocalConfiguration are the files of the configuration's layers (config.Places).
	ManagedConfiguration string
	LocalConfiguration   string
	// Configuration returns why these files are not in force, nil when they are.
	Configuration  func() error
	StateDirectory string
	// Journal returns the error of the last write to the journal, nil when that went well.
	Journal func() error
	// Damages returns what was set aside of the journal in the last 30 days.
	Damages func() ([]store.Damage, error)

	// Dial connects to an endpoint; nil is [net.Dialer.DialContext].
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Transport asks an endpoint for the time; nil is one of our own over Dial.
	Transport http.RoundTripper
	// Logger is told which check of the preflight could not look; nil is [slog.Default].
	Logger *slog.Logger
}

// Checks are the checks of one configuration. Any number of goroutines may use it. It keeps answers of what costs
// something for a minute, for callers who are not admins.
type Checks struct {
	config Config
	log    *slog.Logger
	shared *shared
}

// New returns the checks for a configuration. It touches nothing yet.
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

// Check is the preflight. It returns nil, a [*registration.PreflightError] with the first trouble, or the error of a
// context that has ended. Cheap checks come first; it blocks for at most 5 s while the endpoints do not answer, and
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

// Examine makes the checks that the caller may see side by side and calls tell with what each came to, in the order of
// the table, as soon as it is there. A check that only admins see is told as such. Of users it looks only at those whom
// the caller may see.
//
// Examinations that ask the same at the same time share the answer. An admin's looks are otherwise made now, those of
// anyone else as [Caller] says.
//
// It returns the first error of tell, or that of a context that has ended. Each check has its own time limit, so it
// ends by itself, within a minute.
func (c *Checks) Examine(ctx context.Context, caller Caller, tell func(found Outcome) error) error {
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
		if ctx.Err() != nil { // what an interrupted look came to says nothing
			return fmt.Errorf("examine: %w", context.Cause(ctx))
		}
		for _, one := range found {
			if err := tell(one); err != nil {
				return err
			}
		}
	}
	return nil
}

// check is one row of the table: one precondition, of which there can be one for each user or privilege.
type check struct {
	// name and title are those of its outcomes, unless they have their own.
	name, title string
	// looksAt and fix are sentences, for the documentation too; fix goes with each outcome that is not well and has
	// none.
	looksAt, fix string
	// seenBy is who may see what it comes to.
	seenBy audience
	// reason is what a registration fails for; empty where it is not part of the preflight.
	reason registration.FailureReason
	// within is how long look may take; 0 for what asks nobody.
	within time.Duration
	// look returns at least one outcome, or an error when it could not look.
	look func(ctx context.Context) ([]Outcome, error)
}

// promptly bounds what asks nobody: a file may be on a disk that does not answer.
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

// examine makes one check for a caller, or takes an answer that there is.
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

// complete fills in what the outcome leaves to the table.
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

// sentences is evidence and fix for one who sees nothing else.
func (o Outcome) sentences() string { return strings.TrimSpace(o.Evidence + " " + o.Fix) }
