// Package clean removes the leftovers of a stale registration from a user's session [MB-CLEAN, SK-RESET], through the
// user's agent, and keeps a record of each removal.
//
// [Cleaner.Find] reads the present state of the user and lists the leftovers, with the objection to removing them if
// there is one. [Cleaner.Remove] reads it again, and removes them. The intention is recorded before anything is
// touched, and the result afterwards. Without force, three things are not removed: items that may be the current
// registration, a registration in progress, and items that could not be read. Only unusable items, and items that
// another registration has certainly replaced, are removed.
//
// The caller decides who may ask for a removal.
package clean

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/status"

	"usher.internal/helper/observation"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
	"usher.internal/internal/contract"
	"usher.internal/internal/oneline"
	usherv1 "usher.internal/proto/usher/v1"
)

var (
	// ErrNoSession is wrapped when the user is not logged in, or their agent does not run.
	ErrNoSession = errors.New("the user is not logged in, or usher-agent does not run in their session")
	// ErrKeychain is wrapped when the agent could not look into the login keychain; the sentence is the agent's.
	ErrKeychain = errors.New("the login keychain could not be looked at")
	// ErrAgent is wrapped when the user's agent could not do its task for another reason; the sentence is the agent's.
	ErrAgent = errors.New("the user's agent could not do it")
	// ErrObjection is wrapped by a removal that needs force; the sentence is the objection.
	ErrObjection = errors.New("force is needed")
	// ErrBusy is wrapped while another removal of the same user is under way.
	ErrBusy = errors.New("another removal of this user is under way")
)

// Time limits of one call.
const (
	presentWithin = 5 * time.Second
	lookWithin    = time.Minute
	removeWithin  = time.Minute

	lookAfterwardsWithin = 20 * time.Second
)

// Limits on an agent's answer: more is cut off.
const (
	maximumLeftovers = 256
	maximumID        = 64
	maximumName      = 200
	maximumError     = 300
)

// Sessions finds the agent of a user's session: [sessions.Registry].
type Sessions interface {
	// Await blocks until there is an agent or ctx ends.
	Await(ctx context.Context, uid uint32) (usherv1.UserAgentServiceClient, error)
}

// Config wires a [Cleaner].
type Config struct {
	Store    *store.Store
	Sessions Sessions
	// Look reads the present state of a user, with the evidence and its certificates, and keeps it;
	// [observation.Observer.ReadAndKeep] does that. It is also called after a removal, so that usher no longer knows
	// the removed items.
	Look func(ctx context.Context, agent usherv1.UserAgentServiceClient, user accounts.User) (observation.Reading,
		error)
	// Active reports whether a registration of a user is under way; [registration.Active] does that.
	Active func(tx *store.Tx, uid uint32) (bool, error)
	// Logger may be nil. It gets no personal data.
	Logger *slog.Logger
}

// Cleaner finds and removes leftovers. Its methods may be called from any goroutine; each user has one removal at a
// time.
type Cleaner struct {
	config Config
	log    *slog.Logger

	mu   sync.Mutex
	busy map[uint32]bool
}

// New returns a cleaner.
func New(config Config) *Cleaner {
	return &Cleaner{config: config, log: cmp.Or(config.Logger, slog.New(slog.DiscardHandler)),
		busy: make(map[uint32]bool)}
}

// Find lists the leftovers of a user. The errors wrap [ErrNoSession], [ErrKeychain] and [ErrAgent]: a keychain that
// could not be read never causes an empty list.
func (c *Cleaner) Find(ctx context.Context, user accounts.User) (Remains, error) {
	_, remains, err := c.find(ctx, user)
	if err != nil {
		return Remains{}, fmt.Errorf("find leftovers of %s: %w", user.Name, err)
	}
	return remains, nil
}

func (c *Cleaner) find(ctx context.Context, user accounts.User) (usherv1.UserAgentServiceClient, Remains, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	agent, err := c.agent(ctx, user)
	if err != nil {
		return nil, Remains{}, err
	}
	// The leftovers are found first, so they cannot be newer than the registration that is then read.
	response, err := agent.FindLeftovers(ctx, &usherv1.FindLeftoversRequest{})
	if err != nil {
		return nil, Remains{}, said(err)
	}
	reading, err := c.config.Look(ctx, agent, user)
	if err != nil {
		return nil, Remains{}, said(err)
	}
	standing := circumstances{Reading: reading, now: time.Now(), found: bounded(response.GetLeftovers())}
	err = c.config.Store.View(func(tx *store.Tx) (err error) {
		standing.active, err = c.config.Active(tx, user.UID)
		return err
	})
	if err != nil {
		return nil, Remains{}, err
	}
	return agent, Remains{
		Leftovers: concerned(standing), Identity: reading.Identity, Objection: objectionTo(standing),
		AtRisk: standing.atRisk(),
	}, nil
}

// agent returns the agent of a user. One that has just lost its connection gets a moment to reconnect.
func (c *Cleaner) agent(ctx context.Context, user accounts.User) (usherv1.UserAgentServiceClient, error) {
	waiting, cancel := context.WithTimeout(ctx, presentWithin)
	defer cancel()
	agent, err := c.config.Sessions.Await(waiting, user.UID)
	if err != nil && ctx.Err() == nil {
		return nil, ErrNoSession
	}
	return agent, err
}

// Request asks for a removal.
type Request struct {
	User, Caller accounts.User
	Force        bool
	// IDs are those of the leftovers to remove; empty means all.
	IDs []string
}

// Remove removes the leftovers that [Cleaner.Find] finds. It returns the record, with an error for each leftover that
// could not be removed. The errors wrap those of Find, [ErrObjection], [ErrBusy], and those of the store: without a
// record nothing is removed. A removal that has begun continues when ctx ends.
func (c *Cleaner) Remove(ctx context.Context, request Request) (Removal, error) {
	removal, err := c.remove(ctx, request)
	if err != nil {
		return Removal{}, fmt.Errorf("remove leftovers of %s: %w", request.User.Name, err)
	}
	return removal, nil
}

func (c *Cleaner) remove(ctx context.Context, request Request) (Removal, error) {
	if !c.begin(request.User.UID) {
		return Removal{}, ErrBusy
	}
	defer c.end(request.User.UID)
	agent, remains, err := c.find(ctx, request.User)
	if err != nil {
		return Removal{}, err
	}
	removal := Removal{User: request.User, Caller: request.Caller, Force: request.Force, At: time.Now().UTC()}
	if len(request.IDs) > 0 {
		remains.Leftovers = slices.DeleteFunc(remains.Leftovers,
			func(one Leftover) bool { return !slices.Contains(request.IDs, one.ID) })
	}
	if len(remains.Leftovers) == 0 {
		return removal, nil
	}
	if remains.Objection != "" && !request.Force {
		return Removal{}, fmt.Errorf("%w: %s", ErrObjection, remains.Objection)
	}
	err = c.config.Store.Update(func(tx *store.Tx) error {
		// A registration may have begun since the first check.
		if active, err := c.config.Active(tx, request.User.UID); err != nil || active && !request.Force {
			return cmp.Or(err, fmt.Errorf("%w: a registration of this user has just begun", ErrObjection))
		}
		return intend(tx, &removal, remains.Leftovers)
	})
	if err != nil {
		return Removal{}, err
	}
	c.carryOut(context.WithoutCancel(ctx), agent, &removal)
	err = c.config.Store.Update(
		func(tx *store.Tx) error { return removals.Put(tx, store.NumberKey(removal.Number), removal) })
	c.lookAfterwards(context.WithoutCancel(ctx), agent, request.User)
	if err != nil {
		return Removal{}, fmt.Errorf("record the result of the removal: %w", err)
	}
	failed := 0
	for _, one := range removal.Removed {
		if one.Error != "" {
			failed++
		}
	}
	c.log.Info("removed leftovers of a registration", "uid", removal.User.UID, "caller", removal.Caller.UID, "force",
		removal.Force,
		"state", remains.Identity.State, "removed", len(removal.Removed)-failed, "failed", failed)
	return removal, nil
}

// carryOut has the agent remove the recorded leftovers, and records the results.
func (c *Cleaner) carryOut(ctx context.Context, agent usherv1.UserAgentServiceClient, removal *Removal) {
	ctx, cancel := context.WithTimeout(ctx, removeWithin)
	defer cancel()
	request := &usherv1.RemoveLeftoversRequest{}
	for _, one := range removal.Removed {
		request.Ids = append(request.Ids, one.Leftover.ID)
	}
	response, err := agent.RemoveLeftovers(ctx, request)
	outcomes := map[string]string{}
	for _, one := range response.GetRemoved() {
		outcome := oneline.Of(one.GetError(), maximumError)
		if outcome == "" && one.GetError() != "" {
			outcome = "the agent reports that it was not removed, but not why"
		}
		outcomes[one.GetLeftover().GetId()] = outcome
	}
	for i := range removal.Removed {
		one := &removal.Removed[i]
		outcome, reported := outcomes[one.Leftover.ID]
		switch {
		case err != nil:
			one.Error = oneline.Of("the result is not known: "+said(err).Error(), maximumError)
		case reported:
			one.Error = outcome
		default:
			one.Error = "the result is not known: the agent did not report it"
		}
	}
}

// lookAfterwards updates usher's knowledge about the user after the removal.
func (c *Cleaner) lookAfterwards(ctx context.Context, agent usherv1.UserAgentServiceClient, user accounts.User) {
	ctx, cancel := context.WithTimeout(ctx, lookAfterwardsWithin)
	defer cancel()
	if _, err := c.config.Look(ctx, agent, user); err != nil {
		c.log.Info("a user could not be looked at after a removal", "uid", user.UID, "code", status.Code(err), "reason",
			contract.Reason(err))
	}
}

func (c *Cleaner) begin(uid uint32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy[uid] {
		return false
	}
	c.busy[uid] = true
	return true
}

func (c *Cleaner) end(uid uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, uid)
}

// said makes an error of a call to the agent one that wraps [ErrKeychain] or [ErrAgent] and has the agent's sentence.
// The error of an outdated agent is unchanged, with its own reason.
func said(err error) error {
	if contract.Reason(err) == usherv1.ErrorReason_ERROR_REASON_AGENT_OUTDATED {
		return err
	}
	kind := ErrAgent
	if contract.Reason(err) == usherv1.ErrorReason_ERROR_REASON_KEYCHAIN_UNAVAILABLE {
		kind = ErrKeychain
	}
	if with, ok := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](err); ok {
		return fmt.Errorf("%w: %s", kind, oneline.Of(with.GRPCStatus().Message(), maximumError))
	}
	return fmt.Errorf("%w: %s", ErrAgent, oneline.Of(err.Error(), maximumError))
}

// bounded returns an agent's leftovers, fit to be kept and shown. It leaves out those without an id that could be named
// again, and duplicates of an id.
func bounded(reported []*usherv1.Leftover) []Leftover {
	var found []Leftover
	for _, one := range reported {
		id := one.GetId()
		if id == "" || id != oneline.Of(id, maximumID) ||
			slices.ContainsFunc(found, func(other Leftover) bool { return other.ID == id }) {
			continue
		}
		if len(found) == maximumLeftovers {
			break
		}
		found = append(found, Leftover{id, kinds.FromProto(one.GetKind()), oneline.Of(one.GetName(), maximumName)})
	}
	return found
}
