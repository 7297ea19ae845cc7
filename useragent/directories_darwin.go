package useragent

import "path/filepath"

// stateDirectory is where the agent keeps the records of Company Portal's runs.
func stateDirectory(home string) string {
	return filepath.Join(home, "Library", "Application Support", "org.usher")
}
