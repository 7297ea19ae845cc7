package jamfpro

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Provisioned is what became of one [Definition].
type Provisioned struct {
	Definition
	// Exists tells that it was there, and is as it was.
	Exists bool
	// Created tells that it was created, or in a dry run, that it would be.
	Created bool
	// Problem is why what exists cannot be used, or why it could not be created; empty otherwise.
	Problem string
}

// Provision creates the definitions that are missing, or with dryRun only finds out which, and never changes one that
// exists. What is wrong with a single one stands in its Problem; the error is for a server that could not be asked or gave no
// token, and then calling again is safe: what was created by then is found. It blocks until the server has answered or ctx
// ends.
func (c *Client) Provision(ctx context.Context, wanted []Definition, dryRun bool) ([]Provisioned, error) {
	end, err := c.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	// What an admin has changed meanwhile is to be seen.
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
			result.Exists, result.Problem = true, problemOf(found.writable())
		case dryRun:
			result.Created = true
		case forbidden != nil:
			// The privilege is missing for the next one too.
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

// provision creates one definition. The second result is the problem if it is one of every other definition too.
func (c *Client) provision(ctx context.Context, wanted Definition) (_ Provisioned, forbidden, err error) {
	result := Provisioned{Definition: wanted}
	created, err := c.createDefinition(ctx, wanted)
	refused, ok := errors.AsType[*APIError](err)
	switch {
	case err == nil && created:
		result.Created = true
	case err == nil:
		// Another Mac was faster.
		result.Exists, result.Problem = true, problemOf(c.definitions[wanted.Name].writable())
	case errors.Is(err, ErrUnknownDefinition):
		result.Problem = fmt.Sprintf("%v; look again in %s, and for one whose name differs in its letters' case", err, ClusterRefresh)
	case ok && refused.Status == http.StatusForbidden && refused.Permanent():
		result.Problem, forbidden = problemOf(refused), refused
	case ok && refused.Permanent() && !refused.aboutClient:
		result.Problem = problemOf(refused)
	case !endsCheck(ctx, err):
		result.Problem = problemOf(err) // of this one; the others may go well
	default:
		return Provisioned{}, nil, err
	}
	return result, forbidden, nil
}

// problemOf is the error's sentence, "" for nil.
func problemOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
