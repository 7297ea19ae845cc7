package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// program is an executable that usher starts, or lets in.
type program struct{ name, path string }

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

// changeable says who else than root, or the helper's own user in development, could have put the program there; "" when
// nobody could.
func (p program) changeable() (trouble string, err error) {
	info, err := os.Stat(p.path)
	if err != nil {
		return "", err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", fmt.Errorf("read owner of %s: %w", p.path, errors.ErrUnsupported)
	}
	if stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return fmt.Sprintf("%s belongs to uid %d, who could have put anything there; it must belong to root.", p.path, stat.Uid), nil
	}
	if mode := info.Mode().Perm(); mode&0o002 != 0 {
		return fmt.Sprintf("Everyone may write to %s (mode %04o).", p.path, mode), nil
	}
	return "", nil
}

// sound finds whether the program is there and protected.
func (p program) sound(context.Context) (Finding, error) {
	if p.path == "" {
		return notApplicable("%s is not configured.", p.name), nil
	}
	for _, look := range []func() (string, error){p.missing, p.changeable} {
		trouble, err := look()
		if err != nil {
			return Finding{}, err
		}
		if trouble != "" {
			return failed("%s", trouble), nil
		}
	}
	return ok("It is at %s, belongs to root, or to usherd's own user, and not everyone may write to it.", p.path), nil
}

// agentProgram is the program that usherd lets in as a user's agent.
type agentProgram struct{ program }

// sound judges as the link does, which lets no agent in that a group may write to ([link.Peer.RunsExecutable]).
func (a agentProgram) sound(ctx context.Context) (Finding, error) {
	found, err := a.program.sound(ctx)
	if err != nil || found.Result != OK {
		return found, err
	}
	info, err := os.Stat(a.path)
	if err != nil {
		return Finding{}, err
	}
	if mode := info.Mode().Perm(); mode&0o020 != 0 {
		return failed("A group may write to %s (mode %04o), and usherd lets no such agent in.", a.path, mode), nil
	}
	return found, nil
}

func kindOf(mode fs.FileMode) string {
	if mode.IsDir() {
		return "directory"
	}
	return "special file (" + mode.Type().String() + ")"
}
