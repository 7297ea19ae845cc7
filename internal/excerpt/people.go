package excerpt

import (
	"os"
	"os/user"
	"strconv"
	"strings"
)

// firstPerson is below the numbers of people's accounts: 501 and up on macOS, 1000 and up on Linux. Smaller numbers
// belong to services.
const firstPerson = 500

// PeopleIn returns the account names, full names and numbers of all people with a home in one of the folders or an
// account in /etc/passwd. A folder that cannot be read has no homes.
func PeopleIn(homes ...string) (known []string) {
	for _, folder := range homes {
		entries, err := os.ReadDir(folder)
		if err != nil {
			continue
		}
		for _, entry := range entries {
			known = append(known, entry.Name())
			if account, err := user.Lookup(entry.Name()); err == nil {
				known = append(known, account.Name, account.Uid)
			}
		}
	}
	content, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return known
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) < 5 {
			continue
		}
		if uid, err := strconv.ParseUint(fields[2], 10, 32); err == nil && uid >= firstPerson && uid < 65534 {
			full, _, _ := strings.Cut(fields[4], ",")
			known = append(known, fields[0], full, fields[2])
		}
	}
	return known
}
