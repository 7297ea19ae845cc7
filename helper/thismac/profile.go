package thismac

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"usher.internal/internal/propertylist"
	"usher.internal/internal/wpj"
)

// extensibleSSO is the preference domain that a profile for single sign-on extensions sets [APPLE-DM].
const extensibleSSO = "com.apple.extensiblesso.plist"

// MicrosoftPlatformSSO reports whether a profile configures Microsoft's Platform SSO for the account with that short
// name. The profile may be for the Mac or, as Intune does it, only for the user. directory is where macOS keeps the
// settings of profiles; "" is skipped. macOS 27 may configure it by a declaration, without a file here [DDM]. An error
// says that there is a file that cannot be read.
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

// errOtherKind is wrapped if a profile's values have other types than the known ones.
var errOtherKind = errors.New("a value does not have the expected type")

func namesMicrosoft(place string) (bool, error) {
	profile, err := propertylist.Read(place)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the profile of single sign-on: %w", err)
	}
	extension, there := profile["ExtensionIdentifier"]
	identifier, isText := extension.(string)
	platform, method := profile["PlatformSSO"], profile["AuthenticationMethod"] // macOS 13 has the method here
	_, isDictionary := platform.(map[string]any)
	methodText, methodIsText := method.(string)
	if there && !isText || platform != nil && !isDictionary || method != nil && !methodIsText {
		return false, fmt.Errorf("read the profile of single sign-on in %s: %w", place, errOtherKind)
	}
	return strings.EqualFold(identifier, wpj.MicrosoftExtension) && (isDictionary || methodText != ""), nil
}
