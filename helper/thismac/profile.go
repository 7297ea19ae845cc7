package thismac

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"howett.net/plist"

	"usher.internal/internal/wpj"
)

// extensibleSSO is the preference domain that a profile for single sign-on extensions sets [APPLE-DM].
const extensibleSSO = "com.apple.extensiblesso.plist"

// MicrosoftPlatformSSO reports whether a profile configures Microsoft's Platform SSO for the account with that short name: for
// the Mac or, as Intune does it, for the user only. directory is where macOS keeps what profiles set; "" is not looked at. macOS 27
// may configure it by a declaration, of which there may be no file here [DDM]. An error says that there is a file which cannot
// be read.
func MicrosoftPlatformSSO(directory, account string) (bool, error) {
	if directory == "" {
		return false, nil
	}
	places := []string{filepath.Join(directory, extensibleSSO)}
	if account != "" && !strings.ContainsAny(account, "/\x00") && account != "." && account != ".." {
		places = append(places, filepath.Join(directory, account, extensibleSSO))
	}
	var problems []error
	for _, place := range places {
		names, err := namesMicrosoft(place)
		if names {
			return true, nil
		}
		problems = append(problems, err)
	}
	return false, errors.Join(problems...)
}

func namesMicrosoft(place string) (bool, error) {
	content, err := os.ReadFile(place)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the profile of single sign-on: %w", err)
	}
	var profile struct {
		ExtensionIdentifier  string
		PlatformSSO          map[string]any
		AuthenticationMethod string // where macOS 13 has it
	}
	if _, err := plist.Unmarshal(content, &profile); err != nil {
		return false, fmt.Errorf("read the profile of single sign-on in %s: %w", place, err)
	}
	return strings.EqualFold(profile.ExtensionIdentifier, wpj.MicrosoftExtension) && (profile.PlatformSSO != nil || profile.AuthenticationMethod != ""), nil
}
