package accounts

import (
	"fmt"
	"sync"

	"usher.internal/internal/corefoundation"
)

// consoleKey is the key of the dynamic store under which loginwindow lists the sessions [SCCONSOLE].
const consoleKey = "State:/Users/ConsoleUser"

// copyValue is SCDynamicStoreCopyValue. If its first argument is NULL, it makes a session with the store for the call.
var copyValue func(store, key corefoundation.Ref) corefoundation.Ref

var loadStore = sync.OnceValue(func() error {
	_, err := corefoundation.Load("SystemConfiguration", map[string]any{"SCDynamicStoreCopyValue": &copyValue})
	return err
})

// readSessions asks the dynamic store, which is local and answers at once. Nobody ran this on a Mac yet.
func readSessions() ([]guiSession, error) {
	if err := loadStore(); err != nil {
		return nil, err
	}
	key, err := corefoundation.NewString(consoleKey)
	if err != nil {
		return nil, err
	}
	defer corefoundation.Release(key)
	value := copyValue(0, key)
	if value == 0 {
		return nil, fmt.Errorf("read %s: it is not there", consoleKey)
	}
	defer corefoundation.Release(value)
	content, err := corefoundation.PropertyList(value)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", consoleKey, err)
	}
	return parseSessions(content)
}

// GUISessions returns the uids of the people who have a graphical session, including those of fast user switching.
// launchd has a domain gui/UID for each. If the sessions cannot be read, it returns the user on the console.
func GUISessions() ([]uint32, error) {
	sessions, err := readSessions()
	if err != nil {
		uid, there := deviceOwner()
		if !there {
			return nil, err
		}
		return []uint32{uid}, nil
	}
	uids := make([]uint32, len(sessions))
	for i, session := range sessions {
		uids[i] = uint32(session.UID)
	}
	return uids, nil
}
