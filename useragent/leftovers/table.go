package leftovers

import (
	"slices"
	"strings"

	"usher.internal/internal/wpj"
	"usher.internal/useragent/keychain"
)

// The only table of what a registration leaves [MB-CLEAN, SK-RESET, MSID]. Nothing else is ever touched.
//
// It leaves out an item that names no program of its own: the URL of an organisation's own sign-in server. It is the
// label of an identity preference if Entra is federated.

// keyTags are the application tags of private keys, without their trailing NUL, and their names in Keychain Access.
var keyTags = map[string]string{
	strings.TrimRight(wpj.DeviceKeyTag, "\x00"):           "Microsoft Workplace Join Key",
	strings.TrimRight(wpj.SessionTransportKeyTag, "\x00"): "Microsoft Session Transport Key",
}

// files are paths below the home.
var files = []struct {
	path      string
	directory bool
}{
	{"Library/Preferences/com.jamf.management.jamfAAD.plist", false},
	{"Library/Cookies/com.jamf.management.jamfAAD.binarycookies", false},
	{"Library/Saved Application State/com.jamf.management.jamfAAD.savedState", true},
}

// nameOfKey returns the name of a key, and false for one that is not in the table.
func nameOfKey(key keychain.Key) (string, bool) {
	tag := strings.TrimSuffix(string(key.ApplicationTag), "\x00")
	name, ok := keyTags[tag]
	return name + " (" + tag + ")", ok
}

// nameOfPassword returns the account or the label of a generic password that is in the table, and false for any other
// one. Its other attributes can be personal.
func nameOfPassword(password keychain.GenericPassword) (string, bool) {
	switch {
	case slices.Contains(keychain.Accounts, password.Account):
		return password.Account, true
	case slices.Contains(keychain.Labels, password.Label):
		return password.Label, true
	}
	return "", false
}
