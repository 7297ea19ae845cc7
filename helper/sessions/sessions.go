// Package sessions knows who is logged in: one [Session] for each user whose agent is connected over the reversed link.
//
// A session is its connection. [Registry.Serve] adds it, and removes it the moment the connection ends; nothing is
// polled. The session on the console only has a mark [LAUNCHER#2342, LAUNCHER#1085].
package sessions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"

	"usher.internal/internal/accounts"
	"usher.internal/internal/link"
	"usher.internal/internal/notice"
	"usher.internal/internal/oneline"
	usherv1 "usher.internal/proto/usher/v1"
)

// answerWithin limits how long an agent may take to identify itself, and how long an old agent may take to show that it
// still runs.
const answerWithin = 5 * time.Second

// maximumVersionLength limits the version of an agent, in characters.
const maximumVersionLength = 64

// Session is a login session whose agent is connected.
type Session struct {
	User         accounts.User
	AgentVersion string
	AgentPID     int
	ConnectedAt  time.Time
	// Agent calls the agent; its calls fail once the session has ended.
	Agent usherv1.UserAgentServiceClient
}

// Config is what a [Registry] needs.
type Config struct {
	// AgentExecutable is the installed agent; no other program may connect.
	AgentExecutable func() string
	Logger          *slog.Logger
}

// Registry holds the sessions. It is safe for concurrent use.
type Registry struct {
	config Config

	mu       sync.Mutex
	sessions map[uint32]*entry
	// changed is sent whenever a session comes or goes.
	changed notice.Broadcast
}

type entry struct {
	Session
	end  context.CancelFunc
	gone chan struct{}
}

// New returns an empty registry.
func New(config Config) *Registry {
	return &Registry{config: config, sessions: make(map[uint32]*entry)}
}

// Admit decides whether the process behind a connection to agent.sock may be an agent. It must be the installed
// program, run by a person who has no session yet. It is for [link.AgentsConfig]; a refusal is a [*link.RefusedError].
//
// An older session of the same user is asked whether it still runs, and ended if it does not answer.
func (r *Registry) Admit(ctx context.Context, peer *link.Peer) error {
	switch _, err := accounts.ByUID(peer.UID); {
	case errors.Is(err, accounts.ErrNotAPerson):
		return &link.RefusedError{Reason: link.NotAPerson, Message: err.Error()}
	case err != nil:
		return err
	}
	switch err := peer.RunsExecutable(r.config.AgentExecutable()); {
	case errors.Is(err, link.ErrReplacedProgram):
		return &link.RefusedError{Reason: link.ReplacedAgent, Message: err.Error()}
	case err != nil:
		return &link.RefusedError{Reason: link.NotInstalledAgent, Message: err.Error()}
	}
	r.mu.Lock()
	old := r.sessions[peer.UID]
	r.mu.Unlock()
	if old == nil {
		return nil
	}
	asking, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if _, err := old.Agent.GetSessionInfo(asking, &usherv1.GetSessionInfoRequest{}); err == nil {
		return &link.RefusedError{
			Reason: link.SessionExists,
			Message: fmt.Sprintf("uid %d has an agent already: pid %d, connected since %s", peer.UID, old.AgentPID,
				old.ConnectedAt.Format(time.RFC3339)),
		}
	}
	old.end()
	select {
	case <-old.gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("end the session of agent pid %d that does not answer: %w", old.AgentPID, context.Cause(ctx))
	}
}

// Serve keeps the session of an admitted agent until ctx ends or another session replaces it. ctx ends when the
// connection breaks. It is for [link.AgentsConfig].
func (r *Registry) Serve(ctx context.Context, peer *link.Peer, connection *grpc.ClientConn) {
	log := r.config.Logger.With("uid", peer.UID, "pid", peer.PID)
	ctx, end := context.WithCancel(ctx)
	defer end()
	session, err := introduce(ctx, peer, connection)
	if err != nil {
		if ctx.Err() == nil {
			log.Warn("agent did not say who it is", "error", err)
		}
		return
	}
	current := &entry{Session: session, end: end, gone: make(chan struct{})}
	if !r.put(current) {
		log.Info("second agent of a session was disconnected")
		return
	}
	log.Info("session connected", "agent_version", session.AgentVersion)
	<-ctx.Done()
	r.remove(current)
	log.Info("session ended", "lasted", time.Since(session.ConnectedAt).Round(time.Millisecond))
}

// introduce asks the agent for its version. The kernel says who the user is, whatever the agent says.
func introduce(ctx context.Context, peer *link.Peer, connection *grpc.ClientConn) (Session, error) {
	person, err := accounts.ByUID(peer.UID)
	if err != nil {
		return Session{}, err
	}
	called := &outdatedConnection{ClientConnInterface: connection}
	agent := usherv1.NewUserAgentServiceClient(called)
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	info, err := agent.GetSessionInfo(ctx, &usherv1.GetSessionInfoRequest{})
	if err != nil {
		return Session{}, fmt.Errorf("get session info: %w", err)
	}
	called.version = oneline.Of(info.GetAgentVersion(), maximumVersionLength)
	return Session{
		User:         person,
		AgentVersion: called.version,
		AgentPID:     peer.PID,
		ConnectedAt:  time.Now(),
		Agent:        agent,
	}, nil
}

func (r *Registry) put(session *entry) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sessions[session.User.UID] != nil {
		return false
	}
	r.sessions[session.User.UID] = session
	r.changed.Send()
	return true
}

func (r *Registry) remove(session *entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.sessions, session.User.UID)
	r.changed.Send()
	close(session.gone)
}

// Await returns the agent of a user's session. It blocks until there is one or ctx ends, and then returns ctx's error.
func (r *Registry) Await(ctx context.Context, uid uint32) (usherv1.UserAgentServiceClient, error) {
	for {
		r.mu.Lock()
		session, changed := r.sessions[uid], r.changed.Next()
		r.mu.Unlock()
		if session != nil {
			return session.Agent, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Watch returns the sessions in the order of their uids, and a channel that is closed when one comes or goes.
func (r *Registry) Watch() (now []Session, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.list(), r.changed.Next()
}

// List returns the sessions in the order of their uids.
func (r *Registry) List() []Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.list()
}

// list is [Registry.List] for a caller that holds mu.
func (r *Registry) list() []Session {
	list := make([]Session, 0, len(r.sessions))
	for _, session := range r.sessions {
		list = append(list, session.Session)
	}
	slices.SortFunc(list, func(a, b Session) int { return cmp.Compare(a.User.UID, b.User.UID) })
	return list
}

// The errors of [Registry.Foremost].
var (
	ErrNoSession = errors.New("nobody is logged in")
	ErrAmbiguous = errors.New("several users are logged in and none of them is on the console")
)

// Foremost returns the user of the Mac at this moment: the user on the console, also while their agent is not
// connected. If nobody is on the console, it is the only user who is logged in. The errors are [ErrNoSession] and
// [ErrAmbiguous].
func (r *Registry) Foremost() (accounts.User, error) {
	if person, there := accounts.AtConsole(); there {
		return person, nil
	}
	switch list := r.List(); len(list) {
	case 0:
		return accounts.User{}, ErrNoSession
	case 1:
		return list[0].User, nil
	}
	return accounts.User{}, ErrAmbiguous
}
