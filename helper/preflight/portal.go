package preflight

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// portal looks at the program that the user's agent will start.
type portal struct{ executable string }

// installFix is what mends each trouble with the file; the link is Microsoft's own to the newest package [FL-DOC].
const installFix = "install it again (https://go.microsoft.com/fwlink/?linkid=853070) or correct portal.executable"

func (p portal) installed(context.Context) (string, error) {
	info, err := os.Stat(p.executable)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fmt.Sprintf("Company Portal is not at %s; install it (https://go.microsoft.com/fwlink/?linkid=853070) or correct portal.executable.", p.executable), nil
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return fmt.Sprintf("%s is not Company Portal's program but a %s; %s.", p.executable, kindOf(info.Mode()), installFix), nil
	case info.Mode().Perm()&0o111 == 0:
		return fmt.Sprintf("%s cannot be executed (mode %04o); %s.", p.executable, info.Mode().Perm(), installFix), nil
	default:
		return "", nil
	}
}

// protected holds that only root, or the helper's own user in development, could have put the program there.
func (p portal) protected(context.Context) (string, error) {
	info, err := os.Stat(p.executable)
	if err != nil {
		return "", err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", fmt.Errorf("read owner of %s: %w", p.executable, errors.ErrUnsupported)
	}
	if stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return fmt.Sprintf("%s belongs to uid %d, who could have put anything there; it must belong to root, so %s.", p.executable, stat.Uid, installFix), nil
	}
	if mode := info.Mode().Perm(); mode&0o002 != 0 {
		return fmt.Sprintf("everyone may write to %s (mode %04o); %s, or `sudo chmod o-w %q` when it is known to be unchanged.", p.executable, mode, installFix, p.executable), nil
	}
	return "", nil
}

func kindOf(mode fs.FileMode) string {
	if mode.IsDir() {
		return "directory"
	}
	return "special file (" + mode.Type().String() + ")"
}
