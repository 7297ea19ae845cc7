package support

import (
	"os"
	"os/user"
)

// Homes are the folders in which people have their homes.
var Homes = []string{"/Users", "/home"}

// PeopleIn returns the names of everybody who has a home in one of the folders: account names and full names. A folder that cannot
// be read has nobody's.
func PeopleIn(homes ...string) []string {
	var names []string
	for _, folder := range homes {
		entries, err := os.ReadDir(folder)
		if err != nil {
			continue
		}
		for _, entry := range entries {
			names = append(names, entry.Name())
			if account, err := user.Lookup(entry.Name()); err == nil {
				names = append(names, account.Name)
			}
		}
	}
	return names
}
