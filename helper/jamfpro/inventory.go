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

// generation is a version of the computers-inventory of Jamf Pro's API. They differ in paths, and in the field of a
// record's last contact, see [computerRecord]. What a request to update a record holds is the same in all of them
// [SPEC].
type generation struct {
	name string
	// since is the version of Jamf Pro that brought it [CHANGELOG].
	since release
}

// generations are those that usher can use, the newest first. Jamf keeps one that it has deprecated for at least a year
// [CHANGELOG]. That of v2 is the release of about the day, 2025-06-30, on which Jamf's schema calls v1 deprecated;
// nobody has verified it. An older server is too old.
var generations = []generation{
	{"v4", release{11, 30}},
	{"v3", release{11, 23}},
	{"v2", release{11, 18}},
}

// newestMajor is that of the newest Jamf Pro whose schema was read, 11.31.
const newestMajor = 11

// release is the version of a Jamf Pro, without what says how it was built.
type release struct{ major, minor int }

// parseRelease reads a version such as 11.30.1-t1757000000000; ok is false for what is none.
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

// HasAuthenticationBypass reports whether a version of Jamf Pro is one that anybody can sign in to: CVE-2026-1290, in
// 11.20 to 11.24.
func HasAuthenticationBypass(text string) bool {
	said, ok := parseRelease(text)
	return ok && !said.before(release{11, 20}) && said.before(release{11, 25})
}

// inventory is what is known of a server's generations. It is asked again with each access token, for a server is
// upgraded while usher runs.
type inventory struct {
	// asked holds the token with which the version was asked.
	asked sealed
	// version is the server's as it says it, empty where it does not say it to us.
	version string
	// works is the generation that has answered, the zero one before.
	works generation
}

// candidates are the generations to try, in that order.
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

// askInventory makes a call of the inventory, of the generation that the server has. Where none of them is there it may
// have been upgraded since its version was asked: that is asked once more.
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

// tryInventory makes the call in one generation after another. It reports whether the server has one; the error is that
// of the call, or of the first of them where it has none.
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

// isNotServed reports whether the server does not have the call (any more): with 404, in JSON or in HTML. The gateway
// of Jamf's Platform API says that a permission is missing [PLATFORM].
func (e *APIError) isNotServed() bool {
	if e.Gateway && e.Status == http.StatusForbidden {
		return slices.ContainsFunc(e.Errors, func(one ServerError) bool { return one.Code == "BAD_PERMISSIONS" })
	}
	return e.Status == http.StatusNotFound && !e.isUnknownID()
}

// isAboutRequest reports whether the API itself has judged what was asked, so that it has the call.
func (e *APIError) isAboutRequest() bool {
	return !e.NotJSON && (e.Status == http.StatusBadRequest || e.Status == http.StatusForbidden || e.isUnknownID())
}

// of is the call in a generation.
func (which call) of(generation generation) call {
	which.path = strings.Replace(which.path, "{generation}", generation.name, 1)
	return which
}

// versionWithin is how long a server may take to say its version, by which the calls after it are only ordered.
const versionWithin = 10 * time.Second

// lookUpVersion asks the server for its version, once with each access token. One that does not say it is used all the
// same.
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

// unusable is the error for a server that has none of the generations; err is that of the last call.
func (i inventory) unusable(host string, err error) error {
	said, ok := parseRelease(i.version)
	oldest := generations[len(generations)-1].since
	switch {
	case !ok, !isMissing(err):
		return err // it may be no Jamf Pro at all, or a permission is missing
	case said.before(oldest):
		return &versionError{fmt.Sprintf("%s has version %s, which is too old; usher needs %d.%d or later", host,
			i.version, oldest.major, oldest.minor), err}
	case said.major > newestMajor:
		return &versionError{fmt.Sprintf(
			"%s has version %s, which is newer than what this usher knows (%s of its inventory's API); install "+
				"a newer usher",
			host, i.version, known()), err}
	}
	// This version has some of them, so that something else answers in its place, maybe for a while.
	return err
}

// versionError wraps [ErrVersion], with the call that showed it.
type versionError struct {
	text string
	call error
}

func (e *versionError) Error() string   { return ErrVersion.Error() + ": " + e.text }
func (e *versionError) Unwrap() []error { return []error{ErrVersion, e.call} }

// isMissing reports whether a call is not there.
func isMissing(err error) bool {
	refused, ok := errors.AsType[*APIError](err)
	return ok && refused.Status == http.StatusNotFound
}

// known names the generations.
func known() string {
	var names []string
	for _, one := range generations {
		names = append(names, one.name)
	}
	return strings.Join(names, ", ")
}
