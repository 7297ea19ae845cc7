package doctor

import (
	"context"
	"errors"
	"strings"

	"usher.internal/internal/accounts"
)

// primaryUser looks for the user in primary_user.
type primaryUser struct {
	name string
	kept Kept
}

func (p primaryUser) exists(context.Context) (Outcome, error) {
	if p.name == "" {
		return notApplicable("None is configured: usherd chooses the registered user who used this Mac last."), nil
	}
	if strings.HasPrefix(p.name, "$") {
		return warning("primary_user is %q, which Jamf Pro has not filled in. usherd chooses the registered user who "+
			"used this Mac last.", p.name), nil
	}
	person, err := accounts.ByName(p.name)
	switch {
	case err == nil:
		return ok("%s has an account.", person.Name), nil
	case !errors.Is(err, accounts.ErrNotAPerson):
		return Outcome{}, err
	}
	if p.kept != nil {
		known, err := p.kept.All()
		if err != nil {
			return Outcome{}, err
		}
		for _, one := range known {
			if !strings.EqualFold(one.User.Name, p.name) &&
				!strings.EqualFold(string(one.UserPrincipalName()), p.name) {
				continue
			}
			if _, err := accounts.ByUID(one.User.UID); err == nil {
				return ok("%s is %s.", p.name, one.User.Name), nil
			}
		}
	}
	return warning("primary_user is %q: no person on this Mac has that account name, and nobody has registered with "+
		"that name. usherd chooses the registered user who used this Mac last.", p.name), nil
}
