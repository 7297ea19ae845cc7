package jamfpro

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// generation is a version of the computers-inventory of Jamf Pro's API. Generations differ in paths, and in the field
// of a record's last contact, see [computerRecord]. A request to update a record is the same in all of them [SPEC].
type generation struct {
	name string
	// since is the version of Jamf Pro that introduced it [CHANGELOG].
	since release
}

// generations are those that usher can use, the newest first. Jamf keeps a deprecated one for at least a year
// [CHANGELOG]. The release of v2 is from about 2025-06-30, the day on which Jamf's schema deprecates v1; nobody has
// verified it. An older server is too old.
var generations = []generation{
	{"v4", release{11, 30}},
	{"v3", release{11, 23}},
	{"v2", release{11, 18}},
}

// newestMajor is the major version of the newest Jamf Pro whose schema was read, 11.31.
const newestMajor = 11

// release is the version of a Jamf Pro, without the build.
type release struct{ major, minor int }

// parseRelease reads a version such as 11.30.1-t1757000000000. ok is false if the text is not a version.
func parseRelease(text string) (parsed release, ok bool) {
	major, rest, _ := strings.Cut(text, ".")
	minor, _, _ := strings.Cut(rest, ".")
	minor, _, _ = strings.Cut(minor, "-")
	var err, minorErr error
	parsed.major, err = strconv.Atoi(major)
	parsed.minor, minorErr = strconv.Atoi(minor)
	return parsed, err == nil && minorErr == nil && parsed.major > 0 && parsed.minor >= 0
}

func (v release) before(other release) bool {
	return v.major < other.major || v.major == other.major && v.minor < other.minor
}

// HasAuthenticationBypass reports whether anybody can sign in to this version of Jamf Pro: CVE-2026-1290, in 11.20 to
// 11.24.
func HasAuthenticationBypass(text string) bool {
	said, ok := parseRelease(text)
	return ok && !said.before(release{11, 20}) && said.before(release{11, 25})
}

// inventory holds the known generations of a server. They are looked up again with each access token, because a server
// may be upgraded while usher runs.
type inventory struct {
	// asked holds the token that was used to ask for the version.
	asked sealed
	// version is the server's version. It is empty if the server does not report it to us.
	version string
	// works is the generation that has answered. It is zero before the first answer.
	works generation
}

// candidates returns the generations in the order to try them.
func (i inventory) candidates() []generation {
	first := i.works
	if said, ok := parseRelease(i.version); ok && first == (generation{}) {
		for _, one := range generations {
			if !said.before(one.since) {
				first = one
				break
			}
		}
	}
	ordered := make([]generation, 0, len(generations))
	if first != (generation{}) {
		ordered = append(ordered, first)
	}
	for _, one := range generations {
		if one != first {
			ordered = append(ordered, one)
		}
	}
	return ordered
}

// askInventory makes a call of the inventory, in the generation that the server has. If the server has none of them, it
// may have been upgraded since its version was read. Then its version is read once more.
func (c *Client) askInventory(ctx context.Context, which call, asked request, answer any) error {
	if err := c.lookUpVersion(ctx); err != nil {
		return err
	}
	served, err := c.tryInventory(ctx, which, asked, answer)
	if served {
		return err
	}
	c.inventory.asked = sealed{}
	if err := c.lookUpVersion(ctx); err != nil {
		return err
	}
	if served, err = c.tryInventory(ctx, which, asked, answer); served {
		return err
	}
	return c.inventory.unusable(c.server.base.Host, err)
}

// tryInventory makes the call in one generation after another. It reports whether the server has one. The error is that
// of the call, or of the first call if the server has none.
func (c *Client) tryInventory(ctx context.Context, which call, asked request, answer any) (served bool, _ error) {
	var first error
	for _, generation := range c.inventory.candidates() {
		err := c.ask(ctx, which.of(generation), asked, answer)
		refused, answered := errors.AsType[*APIError](err)
		if !answered || !refused.isNotServed() {
			if err == nil || answered && refused.isAboutRequest() {
				c.inventory.works = generation
			}
			return true, err
		}
		c.log.Debug("Jamf Pro does not have this version of its inventory's API", "version", generation.name)
		if first == nil {
			first = err
		}
	}
	c.inventory.works = generation{}
	return false, first
}

// isNotServed reports whether the server does not have the call (any more). It answers 404 then, in JSON or in HTML.
// The gateway of Jamf's Platform API reports a missing permission instead [PLATFORM].
func (e *APIError) isNotServed() bool {
	if e.Gateway && e.Status == http.StatusForbidden {
		return slices.ContainsFunc(e.Errors, func(one ServerError) bool { return one.Code == "BAD_PERMISSIONS" })
	}
	return e.Status == http.StatusNotFound && !e.isUnknownID()
}

// isAboutRequest reports whether the API itself judged the request, which shows that it has the call.
func (e *APIError) isAboutRequest() bool {
	return !e.NotJSON && (e.Status == http.StatusBadRequest || e.Status == http.StatusForbidden || e.isUnknownID())
}

// of returns the call in a generation.
func (which call) of(generation generation) call {
	which.path = strings.Replace(which.path, "{generation}", generation.name, 1)
	return which
}

// versionWithin is the limit for reading the server's version. The version only decides the order of later calls.
const versionWithin = 10 * time.Second

// lookUpVersion asks the server for its version, once with each access token. A server that does not report it is used
// all the same.
func (c *Client) lookUpVersion(ctx context.Context) error {
	token, err := c.accessToken(ctx)
	if err != nil {
		return err
	}
	if c.inventory.asked.open() == token.open() {
		return nil
	}
	within, cancel := context.WithTimeout(ctx, versionWithin)
	defer cancel()
	said, err := c.version(within)
	if refused, answered := errors.AsType[*APIError](err); err != nil &&
		(ctx.Err() != nil || answered && refused.Status == http.StatusTooManyRequests) {
		return err
	}
	if before := c.inventory.version; said != "" && said != before {
		c.inventory = inventory{version: said}
		if before != "" {
			c.log.Info("Jamf Pro was upgraded", "from", before, "to", said)
			c.upgraded()
		}
	}
	c.inventory.asked = c.token.access
	return nil
}

// unusable returns the error for a server that has none of the generations. err is that of the last call.
func (i inventory) unusable(host string, err error) error {
	said, ok := parseRelease(i.version)
	oldest := generations[len(generations)-1].since
	switch {
	case !ok, !isMissing(err):
		return err // it may not be a Jamf Pro, or a permission is missing
	case said.before(oldest):
		return &versionError{fmt.Sprintf("%s has version %s, which is too old; usher needs %d.%d or later", host,
			i.version, oldest.major, oldest.minor), err}
	case said.major > newestMajor:
		return &versionError{fmt.Sprintf(
			"%s has version %s, which is newer than what this usher knows (%s of its inventory's API); install "+
				"a newer usher",
			host, i.version, known()), err}
	}
	// This version has some of them. Something else answers in its place, perhaps for a while.
	return err
}

// versionError wraps [ErrVersion] and the call that showed it.
type versionError struct {
	text string
	call error
}

func (e *versionError) Error() string   { return ErrVersion.Error() + ": " + e.text }
func (e *versionError) Unwrap() []error { return []error{ErrVersion, e.call} }

// isMissing reports whether the server does not have a call.
func isMissing(err error) bool {
	refused, ok := errors.AsType[*APIError](err)
	return ok && refused.Status == http.StatusNotFound
}

// known returns the names of the generations.
func known() string {
	var names []string
	for _, one := range generations {
		names = append(names, one.name)
	}
	return strings.Join(names, ", ")
}
