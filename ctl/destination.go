package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lookForReader is how often it is tried whether somebody reads a named pipe by now.
const lookForReader = 50 * time.Millisecond

// destination is where a command was told to write a file.
type destination struct {
	// path is the file itself, at the end of symbolic links; standard and through leave it as it was given.
	path string
	// standard is standard output: by the name -, or because the path leads there.
	standard bool
	// through is what has a name and is no file: a device, a named pipe, what a shell makes of >(command). It is written to, and stays.
	through bool
	// exists tells whether there is something already.
	exists bool
}

// destination finds out what stands at a path. Whether a symbolic link may be followed is the kernel's to say.
func (a *app) destination(path string) (destination, error) {
	if path == "-" {
		return destination{path: path, standard: true}, nil
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		end, err := endOfLinks(path)
		_, nothing := os.Lstat(path)
		return destination{path: end, exists: nothing == nil}, err // a link that leads to nothing is something
	case err != nil:
		return destination{}, err
	case a.isStandardOutput(info):
		return destination{path: path, standard: true, exists: true}, nil
	case info.IsDir():
		return destination{}, &fs.PathError{Op: "write", Path: path, Err: unix.EISDIR}
	case !info.Mode().IsRegular():
		return destination{path: path, through: true, exists: true}, nil
	}
	end, err := endOfLinks(path)
	if _, gone := os.Lstat(end); err != nil || gone != nil || strings.HasPrefix(end, "/dev/fd/") {
		return destination{path: path, through: true, exists: true}, nil // a file that is open, and has no name or one where none can be made
	}
	return destination{path: end, exists: true}, nil
}

// isStandardOutput tells whether something is what standard output is.
func (a *app) isStandardOutput(info fs.FileInfo) bool {
	file, ok := a.stdout.to.(*os.File)
	if !ok {
		return false
	}
	ours, err := file.Stat()
	return err == nil && os.SameFile(info, ours)
}

// endOfLinks follows symbolic links to the first name that is none, whether or not something has that name. The folder of that name
// must be there.
func endOfLinks(path string) (string, error) {
	for range 40 { // as many as Linux follows
		folder, name := filepath.Split(path)
		real, err := filepath.EvalSymlinks(cmp.Or(folder, ".")) // what .. is of, in a link
		if err != nil {
			return "", err
		}
		path = filepath.Join(real, name)
		next, err := os.Readlink(path)
		if err != nil {
			return path, nil // it is no link
		}
		if !filepath.IsAbs(next) {
			next = real + "/" + next
		}
		path = next
	}
	return "", &fs.PathError{Op: "readlink", Path: path, Err: unix.ELOOP}
}

// write writes to the destination. A file that is replaced, or new, is all there or as it was before, and has the mode. Waiting for
// who reads a pipe ends with ctx.
func (a *app) write(ctx context.Context, to destination, mode fs.FileMode, write func(io.Writer) error) error {
	switch {
	case to.standard:
		return write(a.stdout)
	case to.through:
		return writeThrough(ctx, to.path, write)
	}
	file, err := os.CreateTemp(filepath.Dir(to.path), "."+strings.TrimPrefix(filepath.Base(to.path), ".")+".*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if err := errors.Join(write(file), file.Chmod(mode), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), to.path)
}

// writeThrough writes to what has a name and is no file.
func writeThrough(ctx context.Context, path string, write func(io.Writer) error) error {
	var file *os.File
	for {
		var err error
		file, err = os.OpenFile(path, os.O_WRONLY|os.O_TRUNC|unix.O_NONBLOCK, 0)
		if err == nil {
			break
		}
		if info, missing := os.Stat(path); !errors.Is(err, unix.ENXIO) || missing != nil || info.Mode().Type() != fs.ModeNamedPipe {
			return err
		}
		select { // nobody reads it yet, and nothing tells when somebody does
		case <-time.After(lookForReader):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	stop := context.AfterFunc(ctx, func() { file.SetWriteDeadline(time.Unix(1, 0)) })
	err := errors.Join(write(file), file.Close())
	if !stop() && err != nil {
		return ctx.Err()
	}
	return err
}

// writePage writes a page to where --html has told, and returns where to tell a person about it: standard output may be the page.
func (a *app) writePage(ctx context.Context, path string, write func(io.Writer) error) (about io.Writer, err error) {
	to, err := a.destination(path)
	if err == nil {
		err = a.write(ctx, to, 0o600, write)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, explained(ctx.Err())
	case err != nil:
		return nil, &failure{code: exitDefect, reason: "OUTPUT_FAILED", message: fmt.Sprintf("the page could not be written: %v", err), hint: "name a file in a folder that you may write to"}
	case to.standard:
		return a.stderr, nil
	}
	return a.stdout, nil
}
