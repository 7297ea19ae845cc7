package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"usher.internal/internal/trust"
)

// SSH returns the ssh of PATH, and the PATH for the programs that ssh starts. For root it leaves out directories that
// others can write to: sudo keeps the PATH of its caller, and on macOS /usr/local/bin comes before /usr/bin.
func SSH() (ssh Command, path string) {
	path = os.Getenv("PATH")
	if os.Geteuid() == 0 {
		directories := slices.DeleteFunc(filepath.SplitList(path), func(directory string) bool {
			_, err := trust.ProgramDirectory.Check(directory)
			return err != nil
		})
		path = strings.Join(directories, string(filepath.ListSeparator))
	}
	for _, directory := range filepath.SplitList(path) {
		found, err := exec.LookPath(filepath.Join(directory, "ssh"))
		ssh = Command{Path: found}
		if err == nil && filepath.IsAbs(found) {
			if _, err = ssh.trusted(); err == nil {
				return ssh, path
			}
		}
	}
	return Command{Path: "/usr/bin/ssh"}, path // the run reports that it is missing
}
