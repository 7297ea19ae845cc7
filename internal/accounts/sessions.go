package accounts

import (
	"fmt"

	"howett.net/plist"
)

// guiSession is one entry of SessionInfo in State:/Users/ConsoleUser, where macOS's loginwindow tells of every graphical session: of
// fast user switching there are several, of which one is on the console. The names are those that loginwindow writes, one of them with
// a single S [SCCONSOLE].
type guiSession struct {
	UID       int64  `plist:"kCGSSessionUserIDKey"`
	Name      string `plist:"kCGSSessionUserNameKey"`
	OnConsole bool   `plist:"kCGSSessionOnConsoleKey"`
	LoginDone bool   `plist:"kCGSessionLoginDoneKey"`
}

// serviceAccounts have sessions without being people: loginwindow's own, and that of Setup Assistant, which can have a uid of a person's
// [lessons.md].
var serviceAccounts = map[string]bool{"": true, "root": true, "loginwindow": true, "_mbsetupuser": true, "_windowserver": true}

// parseSessions reads State:/Users/ConsoleUser, written as a property list, and returns the sessions of people who have logged in, each
// uid once. Sessions whose login has not come to its end are none yet.
func parseSessions(content []byte) ([]guiSession, error) {
	var state struct{ SessionInfo []guiSession }
	if _, err := plist.Unmarshal(content, &state); err != nil {
		return nil, fmt.Errorf("read sessions: %w", err)
	}
	var sessions []guiSession
	known := map[int64]int{}
	for _, session := range state.SessionInfo {
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

// consoleOf returns who is on the console.
func consoleOf(sessions []guiSession) (uid uint32, there bool) {
	for _, session := range sessions {
		if session.OnConsole {
			return uint32(session.UID), true
		}
	}
	return 0, false
}
