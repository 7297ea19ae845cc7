package jamfpro

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Provisioning says how definitions are brought into Jamf Pro.
type Provisioning struct {
	// DryRun only reports what would be done.
	DryRun bool
	// Migrate changes the data type of those that exist with another one. This also changes what smart groups compare.
	Migrate bool
}

// Provisioned is the result for one [Definition].
type Provisioned struct {
	Definition
	// Exists says that it was there. OtherDataType is its data type, if that is different and was not changed.
	Exists        bool
	OtherDataType string
	// Migrated says that its data type was changed, or would be in a dry run.
	Migrated bool
	// Created says that it was created, or would be in a dry run.
	Created bool
	// Problem says why it cannot be used or created. It is empty otherwise.
	Problem string
}

// Provision creates the definitions that are missing. In one that exists it changes nothing but the data type, and that
// only if asked to. Problem says what is wrong with a single definition. The error is for a server that could not be
// asked, or that gave no token. Calling again is safe then: Provision finds what it created before. It blocks until the
// server has answered or ctx ends.
func (c *Client) Provision(ctx context.Context, wanted []Definition, how Provisioning) ([]Provisioned, error) {
	end, err := c.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	// An admin's changes since then must be seen.
	c.definitions = nil
	var names []string
	for _, one := range wanted {
		names = append(names, one.Name)
	}
	if err := c.lookUpDefinitions(ctx, names); err != nil {
		return nil, err
	}
	var all []Provisioned
	var forbidden error
	for _, one := range wanted {
		result := Provisioned{Definition: one}
		found, exists := c.definitions[one.Name]
		switch {
		case exists:
			if result, err = c.exists(ctx, found, one, how); err != nil {
				return nil, err
			}
		case how.DryRun:
			result.Created = true
		case forbidden != nil:
			// The privilege is also missing for the next one.
			result.Problem = problemOf(forbidden)
		default:
			result, forbidden, err = c.provision(ctx, one)
			if err != nil {
				return nil, err
			}
		}
		all = append(all, result)
	}
	return all, nil
}

// exists returns the result for a definition that Jamf Pro has.
func (c *Client) exists(ctx context.Context, found defined, wanted Definition, how Provisioning) (Provisioned, error) {
	result := Provisioned{Definition: wanted, Exists: true}
	if found.DataType != wanted.DataType {
		result.OtherDataType = found.DataType
	}
	// A field that an admin fills in, or a menu of theirs, belongs to them.
	if result.OtherDataType == "" || !how.Migrate || found.InputType != "TEXT" {
		result.Problem = problemOf(found.writable(wanted.DataType))
		return result, nil
	}
	if !how.DryRun {
		id := found.ID
		found.ID, found.DataType = "", wanted.DataType // the ID is only in the path
		if err := c.ask(ctx, callMigrateAttributes, request{id: id, body: found}, nil); endsCheck(ctx, err) {
			return result, err
		} else if err != nil {
			result.Problem = problemOf(err)
			return result, nil
		}
		found.ID = id
		c.definitions[wanted.Name] = found
		c.log.Info("changed the data type of an extension attribute in Jamf Pro", "name", wanted.Name, "from",
			result.OtherDataType, "to", wanted.DataType)
	}
	result.OtherDataType, result.Migrated = "", true
	return result, nil
}

// provision creates one definition. The second result is the problem if it applies to every other definition too.
func (c *Client) provision(ctx context.Context, wanted Definition) (_ Provisioned, forbidden, err error) {
	result := Provisioned{Definition: wanted}
	created, err := c.createDefinition(ctx, wanted)
	refused, ok := errors.AsType[*APIError](err)
	switch {
	case err == nil && created:
		result.Created = true
	case err == nil:
		// Another Mac created it first.
		result.Exists, result.Problem = true, problemOf(c.definitions[wanted.Name].writable(wanted.DataType))
	case errors.Is(err, ErrUnknownDefinition):
		result.Problem = fmt.Sprintf("%v; look again in %s, and for a name that differs only in upper and lower case",
			err,
			ClusterRefresh)
	case ok && refused.Status == http.StatusForbidden && refused.Permanent():
		result.Problem, forbidden = problemOf(refused), refused
	case ok && refused.Permanent() && !refused.aboutClient:
		result.Problem = problemOf(refused)
	case !endsCheck(ctx, err):
		result.Problem = problemOf(err) // only of this one; the others may succeed
	default:
		return Provisioned{}, nil, err
	}
	return result, forbidden, nil
}

// problemOf returns the error's sentence, "" for nil.
func problemOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
