package accounts

import (
	"errors"
	"fmt"
	"math"

	"usher.internal/internal/propertylist"
)

// guiSession is one entry of SessionInfo in State:/Users/ConsoleUser. macOS's loginwindow lists every graphical session
// there. With fast user switching there are several, and one is on the console. loginwindow writes these names, one of
// them with a single S [SCCONSOLE].
type guiSession struct {
	UID                  int64
	Name                 string
	OnConsole, LoginDone bool
}

// guiSessionsOf reads SessionInfo. Missing values are zero; a value of an unknown kind is an error.
func guiSessionsOf(list any) ([]guiSession, error) {
	entries, isList := list.([]any)
	if list != nil && !isList {
		return nil, fmt.Errorf("SessionInfo is a %T", list)
	}
	var sessions []guiSession
	for _, entry := range entries {
		values, isDictionary := entry.(map[string]any)
		if !isDictionary {
			return nil, fmt.Errorf("an entry of SessionInfo is a %T", entry)
		}
		var session guiSession
		switch uid := values["kCGSSessionUserIDKey"].(type) {
		case uint64:
			session.UID = int64(min(uid, math.MaxInt64))
		case int64:
			session.UID = uid
		case nil:
		default:
			return nil, fmt.Errorf("kCGSSessionUserIDKey is a %T", uid)
		}
		if err := errors.Join(set(&session.Name, values, "kCGSSessionUserNameKey"),
			set(&session.OnConsole, values, "kCGSSessionOnConsoleKey"),
			set(&session.LoginDone, values, "kCGSessionLoginDoneKey")); err != nil {
			return nil, err
		}
		sessions = append(sessions, session)
	}
	return sessions, nil
}

// set takes a value out of a dictionary, if it is there.
func set[T any](to *T, values map[string]any, key string) error {
	value, there := values[key]
	typed, isOfKind := value.(T)
	if there && !isOfKind {
		return fmt.Errorf("%s is a %T", key, value)
	}
	*to = typed
	return nil
}

// serviceAccounts have sessions but are not people: the accounts of loginwindow and of Setup Assistant. The latter can
// have a person's uid [OUTSET#27].
var serviceAccounts = map[string]bool{"": true, "root": true, "loginwindow": true, "_mbsetupuser": true,
	"_windowserver": true}

// parseSessions reads State:/Users/ConsoleUser, written as a property list. It returns the sessions of people who have
// logged in, each uid once. A session whose login is not complete is left out.
func parseSessions(content []byte) ([]guiSession, error) {
	state, err := propertylist.Parse(content)
	if err != nil {
		return nil, fmt.Errorf("read sessions: %w", err)
	}
	told, err := guiSessionsOf(state["SessionInfo"])
	if err != nil {
		return nil, fmt.Errorf("read sessions: %w", err)
	}
	var sessions []guiSession
	known := map[int64]int{}
	for _, session := range told {
		if !session.LoginDone || serviceAccounts[session.Name] || session.UID < firstMacUID || session.UID >= 1<<32-2 {
			continue
		}
		if at, twice := known[session.UID]; twice {
			sessions[at].OnConsole = sessions[at].OnConsole || session.OnConsole
			continue
		}
		known[session.UID] = len(sessions)
		sessions = append(sessions, session)
	}
	return sessions, nil
}

// consoleOf returns the user on the console.
func consoleOf(sessions []guiSession) (uid uint32, there bool) {
	for _, session := range sessions {
		if session.OnConsole {
			return uint32(session.UID), true
		}
	}
	return 0, false
}
