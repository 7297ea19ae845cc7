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

// Privilege is a privilege for the role of the API client.
type Privilege struct {
	// Name is Jamf Pro's spelling, for example Read Computers.
	Name string
	// Purpose says in a few words why usher needs it.
	Purpose string
	// Required reports whether usher needs it for every delivery.
	Required bool
}

// privileges is the only table of them, by the call that needs each [SPEC]. probe is a request for the call that
// changes nothing; it is nil if no such request is known.
var privileges = []struct {
	call     call
	purpose  string
	required bool
	probe    *request
}{
	{callFindComputer, "find the record of this Mac", true, &request{query: url.Values{
		// This asks about nobody: no computer has this UDID.
		"filter": {"udid==" + quoteRSQL("00000000-0000-0000-0000-000000000000")}, "page": {"0"}, "page-size": {"1"},
	}}},
	{callUpdateComputer, "write the extension attributes to it", true, nil},
	{callFindAttributes, "find the extension attributes", true,
		&request{query: url.Values{"page": {"0"}, "page-size": {"1"}}}},
	{callCreateAttributes, "create those that are missing; no longer needed when all exist", false, nil},
	{callMigrateAttributes, "change the data type of those that an older usher created (`jamf provision --migrate`); " +
		"not needed otherwise", false, nil},
	{callCompliance, "read whether Jamf Pro is linked to the Entra device, and its compliance", false,
		&request{id: "0"}},
}

// Privileges returns all privileges that usher can use, including the required ones.
func Privileges() []Privilege {
	var all []Privilege
	for _, one := range privileges {
		all = append(all, Privilege{one.call.privilege, one.purpose, one.required})
	}
	return all
}

// Checked is the result of a check of the API client.
type Checked struct {
	// Server is the server's host.
	Server string
	// Version is the server's version. It is empty if the client may not read it.
	Version string
	// Inventory is the version of the inventory's API that is used, such as v4. It is empty if none can be used.
	Inventory string
	// Problem says why this version of Jamf Pro cannot be used. It is empty otherwise.
	Problem    string
	Privileges []CheckedPrivilege
}

// CheckedPrivilege is a privilege, and whether the API client has it.
type CheckedPrivilege struct {
	Privilege
	// Granted is nil if usher could not try the privilege, or cannot without changing something.
	Granted *bool
	// Problem says why usher could not try it. It is empty otherwise.
	Problem string
}

// CheckPrivileges gets a token and tries everything that changes nothing. It returns an error if it gets no token, or
// if the server does not answer. A missing privilege is not an error. It blocks until the server has answered or ctx
// ends.
func (c *Client) CheckPrivileges(ctx context.Context) (Checked, error) {
	end, err := c.begin(ctx)
	if err != nil {
		return Checked{}, err
	}
	defer end()
	// An earlier token would say nothing about the secret.
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

// endsCheck reports whether no further call is possible: there is no token, or no time. The result of one call says
// nothing about the others.
func endsCheck(ctx context.Context, err error) bool {
	refused, isCall := errors.AsType[*APIError](err)
	return err != nil && (ctx.Err() != nil || !isCall || refused.aboutClient)
}

// version returns the server's version. It is empty if the server does not report it to this client.
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

// probe makes the call and reports whether it was allowed. nil means unknown.
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
		// The server does not know the call, or rejects it. That says nothing about the privilege.
		return nil, nil
	}
	return nil, err
}
