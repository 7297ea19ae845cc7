package jamfpro

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

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

// privileges is the one table of them, by the call that takes each [SPEC]. With probe the call can be tried without
// that it changes anything; it is nil where no such call is known.
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
	{callFindAttributes, "find the extension attributes", true,
		&request{query: url.Values{"page": {"0"}, "page-size": {"1"}}}},
	{callCreateAttributes, "create those that are missing; not needed any more when all are there", false, nil},
	{callMigrateAttributes, "change the data type of those that an older usher has created (`jamf provision " +
		"--migrate`); not needed otherwise", false, nil},
	{callCompliance, "read whether Jamf Pro is linked to the Entra device, and its compliance", false,
		&request{id: "0"}},
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
	Version string
	// Inventory is the version of the inventory's API that is used, such as v4; empty where none could be.
	Inventory string
	// Problem is why this version of Jamf Pro cannot be used; empty where it can.
	Problem    string
	Privileges []CheckedPrivilege
}

// CheckedPrivilege is a privilege, and whether the API client has it.
type CheckedPrivilege struct {
	Privilege
	// Granted is nil where that cannot be tried without changing something, or could not be.
	Granted *bool
	// Problem is why it could not be tried; empty otherwise.
	Problem string
}

// CheckPrivileges gets a token and tries what can be tried without changing anything. Its error is that of the token,
// or of a server that does not answer; that a privilege is missing is none. It blocks until the server has answered or
// ctx ends.
func (c *Client) CheckPrivileges(ctx context.Context) (Checked, error) {
	end, err := c.begin(ctx)
	if err != nil {
		return Checked{}, err
	}
	defer end()
	// A token from before would tell nothing of the secret.
	c.token = token0
	if err := c.lookUpVersion(ctx); err != nil {
		return Checked{}, err
	}
	checked := Checked{Server: c.server.base.Host, Version: c.inventory.version}
	for i, one := range Privileges() {
		granted, err := c.probe(ctx, privileges[i].call, privileges[i].probe)
		if endsCheck(ctx, err) {
			return Checked{}, err
		}
		if errors.Is(err, ErrVersion) {
			checked.Problem = err.Error()
		} else if c.computerID != "" && privileges[i].call == callFindComputer {
			one.Required = false
		}
		checked.Privileges = append(checked.Privileges, CheckedPrivilege{one, granted, problemOf(err)})
	}
	checked.Inventory = c.inventory.works.name
	return checked, nil
}

// endsCheck reports whether nothing more can be asked: there is no token, or no time. What becomes of one call says
// nothing of the others.
func endsCheck(ctx context.Context, err error) bool {
	refused, isCall := errors.AsType[*APIError](err)
	return err != nil && (ctx.Err() != nil || !isCall || refused.aboutClient)
}

// version returns the server's version, empty where it does not say it to this client.
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
	if strings.Contains(which.path, "{generation}") {
		err = c.askInventory(ctx, which, *asked, &answer)
	} else {
		err = c.ask(ctx, which, *asked, &answer)
	}
	refused, ok := errors.AsType[*APIError](err)
	switch {
	case errors.Is(err, ErrVersion):
	case err == nil, ok && refused.isUnknownID():
		return new(true), nil
	case ok && refused.Gateway && refused.isOfGateway():
	case ok && refused.Status == http.StatusForbidden && !refused.NotJSON:
		return new(false), nil
	case ok && refused.Permanent() && !refused.aboutClient:
		// The server does not know the call, or does not like it: that says nothing about the privilege.
		return nil, nil
	}
	return nil, err
}
