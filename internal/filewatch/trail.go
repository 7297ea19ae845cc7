package filewatch

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"syscall"
)

// maximumLinks is how many links are followed from one file, as in the kernels.
const maximumLinks = 40

// trail is every path that shows a change of some files: the files, the links that lead to them, the directory of each,
// and the directories above it. No path leads through a link, except the system's links in the root, such as /etc and
// /var on macOS.
type trail map[string]place

// place is one path of a trail.
type place struct {
	// content means that the path is one of the files or links, whether or not it exists.
	content bool
	// entries means that added and removed entries matter: the path is the directory of a file, or its nearest ancestor
	// that exists. For other directories only their own removal matters, since another directory may replace them.
	entries bool
	state   state
}

// state is what exists at a path; the zero value means nothing.
type state struct {
	device, inode uint64
	mode          fs.FileMode
	uid, gid      uint32
	// The following fields are not set for directories, because they change with each entry.
	size              int64
	modified, changed int64 // nanoseconds
	target            string
}

// trailOf builds the trail of files; an empty name is ignored.
func trailOf(files []string) trail {
	t := trail{}
	for _, next := range files {
		for hops := 0; next != "" && hops < maximumLinks; hops++ {
			var name string
			name, next = t.firstLink(next)
			if next != "" && filepath.Dir(name) == string(filepath.Separator) {
				continue
			}
			t.add(name)
		}
	}
	maps.DeleteFunc(t, func(_ string, p place) bool { return !p.content && !p.entries && !p.state.mode.IsDir() })
	return t
}

// add adds a file or link, whose directory is reached without links, and the directories above it.
func (t trail) add(name string) {
	file := t.look(name)
	file.content = true
	t[name] = file
	found := false
	for above := filepath.Dir(name); ; above = filepath.Dir(above) {
		directory := t.look(above)
		if directory.state.mode.IsDir() && !found {
			found = true
			directory.entries = true
			t[above] = directory
		}
		if above == filepath.Dir(above) {
			return
		}
	}
}

// firstLink returns the first part of a path that is a link, and the path with the link replaced by its target. Without
// a link it returns the path and "".
func (t trail) firstLink(path string) (link, next string) {
	path = filepath.Clean(path)
	for end := 1; end <= len(path); end++ {
		if end < len(path) && path[end] != filepath.Separator {
			continue
		}
		part := path[:end]
		found := t.look(part).state
		if found.mode.Type() != fs.ModeSymlink {
			continue
		}
		target := found.target
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(part), target)
		}
		return part, filepath.Join(target, path[end:])
	}
	return path, ""
}

// look returns what is at a path. It examines each path only once.
func (t trail) look(path string) place {
	known, ok := t[path]
	if ok {
		return known
	}
	seen := place{}
	info, err := os.Lstat(path)
	if err == nil {
		seen.state = stateOf(info)
	}
	if seen.state.mode.Type() == fs.ModeSymlink {
		if seen.state.target, err = os.Readlink(path); err != nil {
			seen.state = state{}
		}
	}
	t[path] = seen
	return seen
}

func stateOf(info fs.FileInfo) state {
	status := info.Sys().(*syscall.Stat_t)
	s := state{device: uint64(status.Dev), inode: status.Ino, mode: info.Mode(), uid: status.Uid, gid: status.Gid}
	if !info.IsDir() {
		s.size, s.modified, s.changed = info.Size(), info.ModTime().UnixNano(), changeTime(status)
	}
	return s
}

// watchable reports whether it is a file or directory that may be opened.
func (s state) watchable() bool {
	return s != state{} && (s.mode.IsDir() || s.mode.IsRegular())
}

// sameFile reports whether it is the same file, with any content.
func (s state) sameFile(other state) bool {
	return s.device == other.device && s.inode == other.inode && s.mode.Type() == other.mode.Type() &&
		s.target == other.target
}

// sameFiles reports whether the trails have the same files and directories.
func (t trail) sameFiles(other trail) bool {
	return maps.EqualFunc(t, other, func(a, b place) bool {
		return a.content == b.content && a.entries == b.entries && a.state.sameFile(b.state)
	})
}
