package doctor

import (
	"context"
	"errors"
	"fmt"

	"usher.internal/helper/thismac"
	"usher.internal/internal/trust"
)

// program is an executable that usher starts or accepts as a caller, and the people who may be able to change it.
type program struct {
	name, path string
	policy     trust.Policy
}

// missing says why the program cannot be started; "" if no reason is known.
func (p program) missing() (trouble string, err error) { return thismac.WithoutProgram(p.name, p.path) }

// changeable says who else could have put the program there, besides root, or the helper's own user in development. It
// returns "" for nobody.
func (p program) changeable() (trouble string, err error) {
	_, err = p.policy.Check(p.path)
	if errors.Is(err, trust.ErrUntrusted) {
		return fmt.Sprintf("%v.", err), nil
	}
	return "", err
}

// sound checks that the program is there and protected.
func (p program) sound(context.Context) (Outcome, error) {
	if p.path == "" {
		return notApplicable("%s is not configured.", p.name), nil
	}
	for _, look := range []func() (string, error){p.missing, p.changeable} {
		trouble, err := look()
		if err != nil {
			return Outcome{}, err
		}
		if trouble != "" {
			return failed("%s", trouble), nil
		}
	}
	return ok("It is at %s. Only root, or usherd's own user, can change it, the links to it or a directory on the way.",
		p.path), nil
}
