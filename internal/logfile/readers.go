package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"usher.internal/internal/trust"
)

// Root's log names users and says how their registrations went, so only root and admins read it.
const (
	rootFolder fs.FileMode = 0o750
	rootFile   fs.FileMode = 0o640
)

// AdminGroup is the group whose members may read root's log, by Go's name of the system. On macOS it is admin, whose
// number is 80 on every Mac. On Linux it is root's own group, since the journal has the log there and decides who may
// read it.
func AdminGroup(system string) int {
	if system == "darwin" {
		return 80
	}
	return 0
}

// isOwnFolder reports whether a folder is usher's, by its name: /Library/Logs/usher is, and /var/log is shared.
func isOwnFolder(folder string) bool { return filepath.Base(folder) == "usher" }

// Loose returns why others than root and a group can read a folder of logs, or a file in it. It returns "" if they
// cannot, or if the folder does not exist. An earlier version of usher created them readable for everybody.
func Loose(folder string, group int) (why string, err error) {
	err = eachFile(folder, func(name string, file *os.File, info fs.FileInfo) error {
		if wanted := wantedMode(info); why == "" && (info.Mode().Perm()&^wanted != 0 || !belongs(info, group)) {
			why = fmt.Sprintf("%s has mode %04o or another owner", name, info.Mode().Perm())
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return why, err
}

// Tighten lets only root and a group read a folder of logs and the files in it, including rotated ones. Links are not
// followed.
func Tighten(folder string, group int) error {
	return eachFile(folder, func(name string, file *os.File, info fs.FileInfo) error {
		return tighten(file, info, group)
	})
}

func tighten(file *os.File, info fs.FileInfo, group int) error {
	if !belongs(info, group) && os.Geteuid() == 0 {
		if err := file.Chown(0, group); err != nil {
			return err
		}
	}
	if wanted := wantedMode(info); info.Mode().Perm() != wanted {
		return file.Chmod(wanted)
	}
	return nil
}

func wantedMode(info fs.FileInfo) fs.FileMode {
	if info.IsDir() {
		return rootFolder
	}
	return rootFile
}

// belongs reports whether a file belongs to root and the group, as far as we could set that. It decides who can read
// the file; internal/trust decides only who can change one.
func belongs(info fs.FileInfo, group int) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return os.Geteuid() != 0 || ok && stat.Uid == 0 && int(stat.Gid) == group
}

// eachFile calls take with a folder ([trust.LogFolder]), and then with each regular file in it.
func eachFile(folder string, take func(name string, file *os.File, info fs.FileInfo) error) error {
	root, err := trust.LogFolder.OpenRoot(folder)
	if err != nil {
		return fmt.Errorf("examine logs: %w", err)
	}
	defer root.Close()
	// The folder comes first: from then on nobody else can put anything into it.
	if err := oneFile(root, ".", take); err != nil {
		return fmt.Errorf("examine logs: %w", err)
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return fmt.Errorf("examine logs: %w", err)
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() {
			continue
		}
		err := oneFile(root, entry.Name(), take)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // newsyslog may have rotated it
			return fmt.Errorf("examine logs: %w", err)
		}
	}
	return nil
}

func oneFile(folder *os.Root, name string, take func(name string, file *os.File, info fs.FileInfo) error) error {
	file, err := folder.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() && name != "." {
		return err
	}
	return take(filepath.Join(folder.Name(), name), file, info)
}

// closeToUsers lets only root and admins read root's log, whichever program created it. launchd creates it before
// usherd runs.
func closeToUsers(file *os.File, info fs.FileInfo) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return tighten(file, info, AdminGroup(runtime.GOOS))
}
