package useragent

import (
	"os"
	"path/filepath"
)

// stateDirectory is where the agent keeps the records of Company Portal's runs. A relative XDG_STATE_HOME does not
// count, as the XDG Base Directory Specification has it.
func stateDirectory(home string) string {
	if base := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "usher")
	}
	return filepath.Join(home, ".local", "state", "usher")
}
