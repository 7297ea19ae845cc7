package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"usher.internal/internal/trust"
)

// program is an executable that usher starts, or lets in, and who may be able to change it.
type program struct {
	name, path string
	policy     trust.Policy
}

// gone tells whether an error says that there is no such file.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) }

// missing says why the program cannot be started; "" when nothing is known against it.
func (p program) missing() (trouble string, err error) {
	info, err := os.Stat(p.path)
	switch {
	case p.path == "", gone(err):
		return fmt.Sprintf("%s is not at %s.", p.name, p.path), nil
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return fmt.Sprintf("%s is not a program but a %s.", p.path, kindOf(info.Mode())), nil
	case info.Mode().Perm()&0o111 == 0:
		return fmt.Sprintf("%s cannot be executed (mode %04o).", p.path, info.Mode().Perm()), nil
	}
	return "", nil
}

// changeable says who else than root, or the helper's own user in development, could have put the program there; ""
// when nobody could.
func (p program) changeable() (trouble string, err error) {
	_, err = p.policy.Check(p.path)
	if errors.Is(err, trust.ErrUntrusted) {
		return fmt.Sprintf("%v.", err), nil
	}
	return "", err
}

// sound finds whether the program is there and protected.
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

func kindOf(mode fs.FileMode) string {
	if mode.IsDir() {
		return "directory"
	}
	return "special file (" + mode.Type().String() + ")"
}
