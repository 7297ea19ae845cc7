package leftovers

import (
	"slices"
	"strings"

	"usher.internal/internal/wpj"
	"usher.internal/useragent/keychain"
)

// The one table of what a registration leaves [MB-CLEAN, SK-RESET, MSID]. What is not in it is never touched.
//
// It leaves out what names no program of its own: the URL of an organisation's own sign-in server, which is the label
// of an identity preference where Entra is federated.

// keyTags are the application tags of private keys, without their trailing NUL, and what Keychain Access calls them.
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

// nameOfKey returns what a key is called, false for one that is not in the table.
func nameOfKey(key keychain.Key) (string, bool) {
	tag := strings.TrimSuffix(string(key.ApplicationTag), "\x00")
	name, ok := keyTags[tag]
	return name + " (" + tag + ")", ok
}

// nameOfPassword returns the account or the label by which a generic password is in the table, false for one that is
// not. Its other attributes can be personal.
func nameOfPassword(password keychain.GenericPassword) (string, bool) {
	switch {
	case slices.Contains(keychain.Accounts, password.Account):
		return password.Account, true
	case slices.Contains(keychain.Labels, password.Label):
		return password.Label, true
	}
	return "", false
}
