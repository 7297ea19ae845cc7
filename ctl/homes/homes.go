// Package homes finds the logs of this Mac that the caller can read: in the caller's home, or as root in every home.
package homes

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"usher.internal/ctl/answer"
	"usher.internal/internal/applog"
)

// Logs returns the places of the logs from which a timeline of this Mac is built. They are those of the named user, or
// else of the caller. For root they are those of everybody who has a home.
func Logs(user string) ([]string, error) {
	homes, err := homesOf(user)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, home := range homes {
		paths = append(paths, applog.Places(home)...)
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// homesOf returns the home of the user or of the caller, or for root all homes.
func homesOf(name string) ([]string, error) {
	if name == "" && os.Geteuid() == 0 {
		return filepath.Glob(Every)
	}
	if name == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, &answer.Failure{Code: answer.ExitUsage, Reason: "WRONG_USAGE", Message: err.Error(),
				Hint: "set HOME, or name the logs"}
		}
		return []string{home}, nil
	}
	who, err := user.Lookup(name)
	if err != nil {
		return nil, &answer.Failure{Code: answer.ExitNotFound, Reason: "USER_NOT_FOUND", Message: err.Error(),
			Hint: "name the account as `id` knows it"}
	}
	return []string{who.HomeDir}, nil
}

// Existing leaves out places that do not exist and folders that the caller may not list. A user may not read root's own
// logs, and gets their registrations from usherd.
func Existing(paths []string) []string {
	return slices.DeleteFunc(paths, func(path string) bool {
		_, err := os.Stat(path)
		return errors.Is(err, os.ErrNotExist) || IsClosed(path)
	})
}

// IsClosed reports whether the caller may not list a folder, or not reach a path.
func IsClosed(path string) bool {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		err = unix.Access(path, unix.R_OK|unix.X_OK)
	}
	return errors.Is(err, os.ErrPermission)
}
