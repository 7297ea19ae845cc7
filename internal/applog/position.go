package applog

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"usher.internal/internal/foreign"
)

// Position is a place in the logs of a directory from which following can continue, also in another process. It may be
// saved as JSON. The zero value is before everything.
//
// Company Portal may write to the newest file, rotate it or begin another one. So a position holds a place in each file
// that existed.
type Position struct {
	Places []Place `json:"places,omitempty"`
}

// Place is a place in one file. The inode identifies the file, since rotation renames it.
type Place struct {
	File   string `json:"file"`
	Inode  uint64 `json:"inode"`
	Offset int64  `json:"offset"`
	// Check is the CRC-32 of the Checked bytes before Offset. It shows that the file was truncated and written again,
	// or that another file got the inode.
	Check   uint32 `json:"check"`
	Checked int    `json:"checked"`
}

// checkedBytes is how many bytes before an offset are remembered to recognise a file.
const checkedBytes = 64

// Here returns the position after everything that the logs of a directory hold now. The directory need not exist.
func Here(directory string) (Position, error) {
	found, err := list(directory, "")
	if err != nil {
		return Position{}, err
	}
	var position Position
	for _, entry := range found {
		place, err := placeAtEnd(directory, entry)
		if isNoLog(err) {
			continue // rotated away while we looked
		}
		if err != nil {
			return Position{}, err
		}
		position.Places = append(position.Places, place)
	}
	return position, nil
}

func placeAtEnd(directory string, entry entry) (Place, error) {
	file, info, err := openLog(directory, entry.name)
	if err != nil {
		return Place{}, err
	}
	defer file.Close()
	size := info.Size()
	before, err := bytesBefore(file, size)
	if err != nil {
		return Place{}, err
	}
	return Place{File: entry.name, Inode: inodeOf(info), Offset: size,
		Check: crc32.ChecksumIEEE(before), Checked: len(before)}, nil
}

// openLog opens a log of a directory, which may be another user's.
func openLog(directory, name string) (*os.File, fs.FileInfo, error) {
	folder, err := foreign.OpenFolder(directory)
	if err != nil {
		return nil, nil, err
	}
	defer folder.Close()
	return folder.Open(name)
}

// isNoLog reports whether an error says that there is no log now, or no file that may be opened as one.
func isNoLog(err error) bool {
	for _, one := range []error{fs.ErrNotExist, foreign.ErrNotAFile, foreign.ErrLink, foreign.ErrHardLink} {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

// bytesBefore returns the last bytes before an offset, by which a file is recognised.
func bytesBefore(file io.ReaderAt, offset int64) ([]byte, error) {
	before := make([]byte, min(offset, checkedBytes))
	n, err := file.ReadAt(before, offset-int64(len(before)))
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read log: %w", err)
	}
	return before[:n], nil
}

// entry is a log file as the directory shows it.
type entry struct {
	name     string
	inode    uint64
	size     int64
	modified int64 // nanoseconds
}

// list returns the *.log files of a directory, or only the named file. It returns nothing if the directory does not
// exist.
func list(directory, only string) ([]entry, error) {
	folder, err := foreign.OpenFolder(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if errors.Is(err, syscall.ENOTDIR) {
		return nil, fmt.Errorf("list logs of %s: %w", directory, ErrNotALogDirectory)
	}
	if err != nil {
		return nil, fmt.Errorf("list logs of %s: %w", directory, err)
	}
	defer folder.Close()
	names, err := folder.Entries()
	if errors.Is(err, fs.ErrNotExist) { // removed since it was opened
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list logs of %s: %w", directory, err)
	}
	var found []entry
	for _, name := range names {
		if only != "" && name.Name() != only || only == "" && !strings.HasSuffix(name.Name(), ".log") {
			continue
		}
		info, err := folder.Stat(name.Name())
		if err != nil {
			continue // rotated away while we looked, or not a log
		}
		found = append(found, entry{name.Name(), inodeOf(info), info.Size(), info.ModTime().UnixNano()})
	}
	return found, nil
}

func inodeOf(info fs.FileInfo) uint64 {
	return info.Sys().(*syscall.Stat_t).Ino
}
