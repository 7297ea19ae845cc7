package jamfpro

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"usher.internal/internal/oneline"
)

// Privilege is one that the role of the API client is given.
type Privilege struct {
	// Name is as Jamf Pro spells it, for example Read Computers.
	Name string
	// Purpose is what usher needs it for, a few words.
	Purpose string
	// Required tells whether usher cannot deliver without it.
	Required bool
}

// privileges is the one table of them, by the call that takes each [SPEC]. With probe the call can be tried without that it
// changes anything; it is nil where no such call is known.
var privileges = []struct {
	call     call
	purpose  string
	required bool
	probe    *request
}{
	{callFindComputer, "find the record of this Mac", true, &request{query: url.Values{
		// Nothing is asked about anybody: no computer has this UDID.
		"filter": {"udid==" + quoteRSQL("00000000-0000-0000-0000-000000000000")}, "page": {"0"}, "page-size": {"1"},
	}}},
	{callUpdateComputer, "write the extension attributes to it", true, nil},
	{callFindAttributes, "find the extension attributes", true, &request{query: url.Values{"page": {"0"}, "page-size": {"1"}}}},
	{callCreateAttributes, "create those that are missing; not needed any more when all are there", false, nil},
	{callCompliance, "read whether Jamf Pro is linked to the Entra device, and its compliance", false, &request{id: "0"}},
}

// Privileges returns those that usher has a use for, the required ones among them.
func Privileges() []Privilege {
	var all []Privilege
	for _, one := range privileges {
		all = append(all, Privilege{one.call.privilege, one.purpose, one.required})
	}
	return all
}

// Checked is what the API client turned out to be able to do.
type Checked struct {
	// Server is its host.
	Server string
	// Version is the server's, empty where the client may not ask.
	Version    string
	Privileges []CheckedPrivilege
}

// CheckedPrivilege is a privilege, and whether the API client has it.
type CheckedPrivilege struct {
	Privilege
	// Granted is nil where that cannot be tried without changing something.
	Granted *bool
}

// CheckPrivileges gets a token and tries what can be tried without changing anything. Its error is that of the token, or of a
// server that does not answer; that a privilege is missing is none. It blocks until the server has answered or ctx ends.
func (c *Client) CheckPrivileges(ctx context.Context) (Checked, error) {
	end, err := c.begin(ctx)
	if err != nil {
		return Checked{}, err
	}
	defer end()
	// A token from before would tell nothing of the secret.
	c.token = token0
	checked := Checked{Server: c.base.Host}
	if checked.Version, err = c.version(ctx); err != nil {
		return Checked{}, err
	}
	for i, one := range Privileges() {
		granted, err := c.probe(ctx, privileges[i].call, privileges[i].probe)
		if err != nil {
			return Checked{}, err
		}
		checked.Privileges = append(checked.Privileges, CheckedPrivilege{one, granted})
	}
	return checked, nil
}

// version returns the server's version, empty where it does not tell this client.
func (c *Client) version(ctx context.Context) (string, error) {
	var answer struct {
		Version string `json:"version"`
	}
	err := c.ask(ctx, callVersion, request{}, &answer)
	refused, ok := errors.AsType[*APIError](err)
	if ok && !refused.NotJSON && (refused.Status == http.StatusForbidden || refused.Status == http.StatusNotFound) {
		return "", nil
	}
	return oneline.Of(answer.Version, longestText), err
}

// probe makes the call and tells whether it was allowed, nil for not known.
func (c *Client) probe(ctx context.Context, which call, asked *request) (granted *bool, err error) {
	if asked == nil {
		return nil, nil
	}
	var answer json.RawMessage
	err = c.ask(ctx, which, *asked, &answer)
	refused, ok := errors.AsType[*APIError](err)
	switch {
	case err == nil, ok && refused.isUnknownID():
		return new(true), nil
	case ok && refused.Status == http.StatusForbidden && !refused.NotJSON:
		return new(false), nil
	case ok && refused.Permanent() && refused.Status != http.StatusUnauthorized:
		// The server does not know the call, or does not like it: that says nothing about the privilege.
		return nil, nil
	}
	return nil, err
}
