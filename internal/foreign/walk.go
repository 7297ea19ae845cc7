package foreign

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// maximumLinks is how many symbolic links are followed of one path, as on Linux.
const maximumLinks = 40

// maximumExchanges is how often a folder of a path may be exchanged while it is opened. A program that removes a folder
// and makes it again does that once; a user who does it on purpose gains nothing, since each is judged again.
const maximumExchanges = 3

var errExchanged = fmt.Errorf("%w: it was exchanged", ErrLink)

// place is an entry of an open folder, or one that could be made there. It is never a symbolic link that was followed.
type place struct {
	folder *os.Root
	// of is what the folder is.
	of fs.FileInfo
	// name is that of the entry, "." for the folder itself.
	name string
	// entry is what has the name, nil where nothing has.
	entry fs.FileInfo
	// path is how the place was reached, without links.
	path string
}

// walk finds the place of a path as root may: it follows a link only where [walker.followed] allows it. The caller
// closes the folder.
func (o Opener) walk(path string) (*place, error) {
	if path == "" {
		return nil, syscall.ENOENT
	}
	w := &walker{}
	defer w.close()
	inner, below := o.within(path)
	if !below {
		return w.walk(path)
	}
	base, err := w.walk(o.Below + "/.")
	if err != nil {
		return nil, err
	}
	w.close()
	w.steps, w.confined = []step{{base.folder, base.path}}, true
	return w.walk(inner)
}

// walker walks along a path.
type walker struct {
	// steps are the folders that were entered, the present one last. above is how many folders over the working
	// directory the first is.
	steps []step
	above int
	// links is how many were followed; confined says that none is, and that nothing leads above the first step.
	links    int
	confined bool
	// exchanges is how often a folder was another one when it was opened than a moment before.
	exchanges int
}

// step is a folder on the way, with the path that led there.
type step struct {
	folder *os.Root
	path   string
}

func (w *walker) here() step { return w.steps[len(w.steps)-1] }

// close closes the folders.
func (w *walker) close() {
	for _, one := range w.steps {
		one.folder.Close()
	}
	w.steps = nil
}

// begin opens the folder in which a path begins.
func (w *walker) begin(folder string) error {
	w.close()
	root, err := os.OpenRoot(folder)
	if err == nil {
		w.steps = []step{{root, folder}}
	}
	return err
}

// walk returns the place at the end of a path. Its folder is not the walker's any more.
func (w *walker) walk(path string) (*place, error) {
	rest, err := w.set(path)
	for err == nil && len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			err = w.up()
			continue
		}
		here := w.here()
		of, statErr := here.folder.Stat(".")
		if statErr != nil {
			return nil, statErr
		}
		entry, statErr := here.folder.Lstat(name)
		switch {
		case errors.Is(statErr, fs.ErrNotExist) && len(rest) == 0:
			return w.end(of, name, nil), nil
		case statErr != nil:
			return nil, statErr
		case entry.Mode().Type() == fs.ModeSymlink:
			var target string
			if target, err = w.followed(of, name, entry); err == nil {
				var begun []string
				begun, err = w.set(target)
				rest = append(begun, rest...)
			}
		case len(rest) == 0:
			return w.end(of, name, entry), nil
		default:
			var inner *os.Root
			inner, err = enter(here.folder, name, entry)
			switch {
			case err == nil:
				w.steps = append(w.steps, step{inner, join(here.path, name)})
			case errors.Is(err, errExchanged) && w.exchanges < maximumExchanges:
				w.exchanges++
				rest, err = append([]string{name}, rest...), nil
			}
		}
	}
	if err != nil {
		return nil, err
	}
	of, err := w.here().folder.Stat(".")
	if err != nil {
		return nil, err
	}
	return w.end(of, ".", of), nil
}

// set goes to where a path begins, and returns its parts.
func (w *walker) set(path string) ([]string, error) {
	var err error
	switch {
	case strings.HasPrefix(path, "/"):
		err = w.begin("/")
	case len(w.steps) == 0:
		err = w.begin(".")
	}
	return strings.Split(path, "/"), err
}

// end is the place of an entry of the present folder, which it takes from the walker.
func (w *walker) end(of fs.FileInfo, name string, entry fs.FileInfo) *place {
	here := w.here()
	w.steps = w.steps[:len(w.steps)-1]
	path := here.path
	if name != "." {
		path = join(path, name)
	}
	return &place{here.folder, of, name, entry, path}
}

// up goes to the folder above. The kernel's ".." is not a link.
func (w *walker) up() error {
	here := w.here()
	switch {
	case len(w.steps) > 1:
		w.steps = w.steps[:len(w.steps)-1]
		return here.folder.Close()
	case w.confined:
		return fmt.Errorf("%w: it leads out of its folder", ErrLink)
	case here.path == "/":
		return nil
	}
	above := strings.TrimSuffix(strings.Repeat("../", w.above+1), "/")
	w.above++
	return w.begin(above)
}

// followed returns where a link leads that may be followed: one of root's, where nobody else can put another in its
// place. A user cannot make a link of root's, but may move one, or give it a second name.
func (w *walker) followed(of fs.FileInfo, name string, link fs.FileInfo) (string, error) {
	here := w.here()
	if w.confined || ownerOf(link) != 0 || !onlyRootChanges(of) {
		return "", fmt.Errorf("%w: %s of uid %d", ErrLink, join(here.path, name), ownerOf(link))
	}
	if w.links++; w.links > maximumLinks {
		return "", fmt.Errorf("%w: %s", syscall.ELOOP, join(here.path, name))
	}
	return here.folder.Readlink(name)
}

// enter opens a folder in another one. [os.Root] would follow a link that was put there since, and the comparison sees
// it.
func enter(folder *os.Root, name string, seen fs.FileInfo) (*os.Root, error) {
	if !seen.IsDir() {
		return nil, syscall.ENOTDIR
	}
	inner, err := folder.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	info, err := inner.Stat(".")
	if err == nil && !os.SameFile(info, seen) {
		err = fmt.Errorf("%w: %s", errExchanged, name)
	}
	if err != nil {
		inner.Close()
		return nil, err
	}
	return inner, nil
}

// open opens the file of a place, for root.
func (p *place) open(path string, found bool) (*os.File, fs.FileInfo, error) {
	err := p.judge(found)
	if err != nil {
		return nil, nil, pathError("open", path, err)
	}
	file, err := p.folder.OpenFile(p.name, readFlags, 0)
	if err != nil {
		return nil, nil, pathError("open", path, err)
	}
	file, info, err := regular(path, file)
	if err != nil {
		return nil, nil, err
	}
	if !os.SameFile(info, p.entry) { // exchanged since it was judged, perhaps for a link
		file.Close()
		return nil, nil, pathError("open", path, errExchanged)
	}
	return file, info, nil
}

// judge returns why root does not open what is at the place.
func (p *place) judge(found bool) error {
	switch {
	case p.entry == nil:
		return syscall.ENOENT
	case p.entry.Mode().Type() == fs.ModeSymlink:
		return fmt.Errorf("%w: %s of uid %d", ErrLink, p.path, ownerOf(p.entry))
	}
	if err := notAFile(p.entry); err != nil {
		return err
	}
	folder, owner := ownerOf(p.of), ownerOf(p.entry)
	if onlyRootWrites(p.of) || folder == owner && owner != 0 {
		return nil
	}
	if links := p.entry.Sys().(*syscall.Stat_t).Nlink; links > 1 {
		return fmt.Errorf("%w: it belongs to uid %d, its folder to uid %d, and it has %d names", ErrHardLink, owner,
			folder, links)
	}
	if found && folder != 0 && p.entry.Mode().Perm()&0o004 == 0 {
		return fmt.Errorf("%w: it belongs to uid %d, its folder to uid %d, and not everybody may read it", ErrHardLink,
			owner, folder)
	}
	return nil
}

func ownerOf(info fs.FileInfo) uint32 { return info.Sys().(*syscall.Stat_t).Uid }

// onlyRootWrites reports whether nobody but root can put anything into a folder. Root's own group has root's rights. It
// is no policy of internal/trust, which refuses what a user can change: here root reads in folders that a user may
// control, and has to know whether that user could have put a file or link of others there.
func onlyRootWrites(folder fs.FileInfo) bool {
	stat := folder.Sys().(*syscall.Stat_t)
	return stat.Uid == 0 && folder.Mode().Perm()&0o002 == 0 && (folder.Mode().Perm()&0o020 == 0 || stat.Gid == 0)
}

// onlyRootChanges reports whether nobody else can exchange what root has put into a folder: in /tmp, which is sticky,
// users can make files but not touch root's.
func onlyRootChanges(folder fs.FileInfo) bool {
	return onlyRootWrites(folder) || ownerOf(folder) == 0 && folder.Mode()&fs.ModeSticky != 0
}

func join(folder, name string) string {
	if folder == "." {
		return name
	}
	return strings.TrimSuffix(folder, "/") + "/" + name
}
