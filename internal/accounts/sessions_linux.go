package accounts

import (
	"os"
	"path/filepath"
	"strconv"
)

// runtimes holds a directory for each user who is logged in.
const runtimes = "/run/user"

// GUISessions returns the uids of the people with a login session that an agent can run in. Such a session has its own
// service manager; it may be graphical or not.
func GUISessions() ([]uint32, error) {
	managers, err := filepath.Glob(filepath.Join(runtimes, "*", "systemd", "private"))
	if err != nil {
		return nil, err
	}
	var sessions []uint32
	for _, manager := range managers {
		name := filepath.Base(filepath.Dir(filepath.Dir(manager)))
		uid, err := strconv.ParseUint(name, 10, 32)
		if err != nil {
			continue
		}
		if info, err := os.Lstat(filepath.Join(runtimes, name)); err != nil || !info.IsDir() {
			continue
		}
		if _, err := ByUID(uint32(uid)); err == nil {
			sessions = append(sessions, uint32(uid))
		}
	}
	return sessions, nil
}
