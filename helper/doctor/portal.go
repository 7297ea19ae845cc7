package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"usher.internal/helper/thismac"
	"usher.internal/internal/command"
	"usher.internal/internal/oneline"
	"usher.internal/internal/propertylist"
)

// portal examines the program that the user's agent will start, and the bundle around it.
type portal struct {
	program
	minimumVersion string
	codesign       command.Command
}

func (p portal) installed(context.Context) (Outcome, error) {
	trouble, err := p.missing()
	if err != nil {
		return Outcome{}, err
	}
	if trouble != "" {
		return failed("%s", trouble), nil
	}
	return ok("It is at %s.", p.path), nil
}

// protected checks that only those whom [trust.Portal] allows could have put the program there.
func (p portal) protected(context.Context) (Outcome, error) {
	trouble, err := p.changeable()
	switch {
	case thismac.Gone(err):
		return p.notThere(), nil
	case err != nil:
		return Outcome{}, err
	case trouble != "":
		return failed("%s", trouble), nil
	}
	return ok("Only root, usherd's own user and, on macOS, administrators can change it, the links to it or a " +
		"directory on the way."), nil
}

func (p portal) notThere() Outcome { return notApplicable("Company Portal is not at %s.", p.path) }

// bundle returns the application bundle of the program, or false if it has none, as on Linux.
func (p portal) bundle() (path string, found bool) {
	directory := filepath.Dir(p.path)
	contents := filepath.Dir(directory)
	if filepath.Base(directory) != "MacOS" || filepath.Base(contents) != "Contents" {
		return "", false
	}
	return filepath.Dir(contents), true
}

// newEnough compares the bundle's version with the oldest allowed version.
func (p portal) newEnough(ctx context.Context) (Outcome, error) {
	bundle, found := p.bundle()
	if !found {
		return notApplicable("%s is not in an application bundle, so its version is not known.", p.path), nil
	}
	if _, err := os.Stat(p.path); thismac.Gone(err) {
		return p.notThere(), nil
	}
	version, err := bundleVersion(ctx, filepath.Join(bundle, "Contents", "Info.plist"))
	if err != nil {
		return Outcome{}, err
	}
	if p.minimumVersion == "" {
		return ok("It is version %s; portal.minimum_version is not set.", version), nil
	}
	older, err := isOlder(version, p.minimumVersion)
	if err != nil {
		return Outcome{}, err
	}
	if older {
		return failed("It is version %s, and portal.minimum_version is %s.", version, p.minimumVersion), nil
	}
	return ok("It is version %s, and portal.minimum_version is %s.", version, p.minimumVersion), nil
}

// longestVersion limits the version in an Info.plist.
const longestVersion = 64

// bundleVersion reads CFBundleShortVersionString, which people call the version of an application.
func bundleVersion(ctx context.Context, path string) (string, error) {
	information, err := propertylist.ReadWithin(ctx, path)
	if err != nil {
		return "", err
	}
	version, isText := information["CFBundleShortVersionString"].(string)
	if !isText || version == "" {
		return "", fmt.Errorf("read %s: %w", path, errNoVersion)
	}
	return oneline.Of(version, longestVersion), nil
}

var (
	errNoVersion  = errors.New("it has no CFBundleShortVersionString")
	errNotNumbers = errors.New("it is not numbers with dots")
)

// isOlder compares versions number by number. The shorter one is extended with zeros.
func isOlder(version, than string) (bool, error) {
	left, err := numbers(version)
	if err != nil {
		return false, err
	}
	right, err := numbers(than)
	if err != nil {
		return false, err
	}
	for i := range max(len(left), len(right)) {
		if l, r := numberAt(left, i), numberAt(right, i); l != r {
			return l < r, nil
		}
	}
	return false, nil
}

func numbers(version string) ([]uint64, error) {
	var parsed []uint64
	for part := range strings.SplitSeq(version, ".") {
		number, err := strconv.ParseUint(part, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read version %q: %w", version, errNotNumbers)
		}
		parsed = append(parsed, number)
	}
	return parsed, nil
}

func numberAt(numbers []uint64, i int) uint64 {
	if i < len(numbers) {
		return numbers[i]
	}
	return 0
}
