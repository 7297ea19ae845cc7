package accounts

import (
	"bufio"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Homes returns the home directories of the people that this computer knows without a directory service. On macOS these
// are the folders of /Users; elsewhere they are in /etc/passwd.
func Homes() []string { return local(func(_, home string) string { return home }) }

// Names returns the account names of the same people. On macOS these are the names of the folders. They equal the
// account names unless an admin has renamed one.
func Names() []string { return local(func(name, _ string) string { return name }) }

// local returns the wanted value of each person, from their name and home, sorted.
func local(wanted func(name, home string) string) []string {
	if runtime.GOOS == "darwin" {
		return inFolder("/Users", wanted)
	}
	return inFile("/etc/passwd", wanted)
}

// inFolder is local for people whose homes are in one folder and have their account names.
func inFolder(parent string, wanted func(name, home string) string) (all []string) {
	entries, _ := os.ReadDir(parent) // an error leaves the entries that were read
	for _, entry := range entries {
		if entry.IsDir() && entry.Name() != "Shared" && !strings.HasPrefix(entry.Name(), ".") {
			all = append(all, wanted(entry.Name(), filepath.Join(parent, entry.Name())))
		}
	}
	return all
}

// inFile is local for people who are listed in a file such as passwd(5).
func inFile(path string, wanted func(name, home string) string) (all []string) {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) < 7 {
			continue
		}
		// A home that cannot be examined now is assumed to exist.
		if _, err := personOf(&user.User{Username: fields[0], Uid: fields[2], HomeDir: fields[5]}); !errors.Is(err,
			ErrNotAPerson) {
			all = append(all, wanted(fields[0], fields[5]))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
