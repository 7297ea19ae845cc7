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

// Homes returns the home directories of the people of this computer, as far as they are known to it without asking a directory
// service: on macOS the folders of /Users, elsewhere those that /etc/passwd names.
func Homes() []string {
	if runtime.GOOS == "darwin" {
		folders, _ := filepath.Glob("/Users/*") // the pattern is good
		return slices.DeleteFunc(folders, func(folder string) bool {
			info, err := os.Lstat(folder)
			return err != nil || !info.IsDir() || filepath.Base(folder) == "Shared"
		})
	}
	file, err := os.Open("/etc/passwd")
	if err != nil {
		return nil
	}
	defer file.Close()
	var homes []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) < 7 {
			continue
		}
		// A home that cannot be looked at now is there for all we know.
		if _, err := personOf(&user.User{Username: fields[0], Uid: fields[2], HomeDir: fields[5]}); !errors.Is(err, ErrNotAPerson) {
			homes = append(homes, fields[5])
		}
	}
	slices.Sort(homes)
	return slices.Compact(homes)
}
