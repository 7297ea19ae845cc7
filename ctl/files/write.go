// Package files reads and writes the files that are named on a command line. It keeps to the rules of the package
// foreign: root follows no link of another user. It also accepts standard output, named pipes, and a shell's <(command)
// and >(command).
package files

import (
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

	"usher.internal/ctl/answer"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/foreign"
)

// lookForReader is the pause between two checks whether a named pipe has a reader.
const lookForReader = 50 * time.Millisecond

// Writer writes what a command prints, or writes it into a file instead.
type Writer struct{ *answer.Printer }

// destination is where a command writes its file.
type destination struct {
	// path is the file itself, at the end of symbolic links. With standard or through it is the path as it was given.
	path string
	// standard is set for standard output: by the name -, or because the path leads there.
	standard bool
	// through is set if the path is not a regular file but a device, a named pipe or a shell's >(command). It is
	// written to, and not replaced.
	through bool
	// exists reports whether there is something already.
	exists bool
}

// destination finds out what is at a path. It follows links by the rules of the package foreign: as root, none of
// another user.
func (w Writer) destination(path string) (destination, error) {
	if path == "-" {
		return destination{path: path, standard: true}, nil
	}
	info, missing := os.Stat(path)
	switch {
	case missing == nil && w.isStandardOutput(info):
		return destination{path: path, standard: true, exists: true}, nil
	case missing == nil && isDescriptor(path):
		return destination{path: path, through: true, exists: true}, nil
	}
	end, there, err := foreign.Resolve(path)
	switch {
	case err != nil:
		return destination{}, err
	case there == nil && missing == nil:
		return destination{path: path, through: true, exists: true}, nil // an open file without a name
	case there == nil:
		_, nothing := os.Lstat(path)
		return destination{path: end, exists: nothing == nil}, nil // a broken link is not overwritten either
	case there.IsDir():
		return destination{}, &fs.PathError{Op: "write", Path: path, Err: unix.EISDIR}
	case !there.Mode().IsRegular():
		return destination{path: path, through: true, exists: true}, nil
	}
	return destination{path: end, exists: true}, nil
}

// isDescriptor reports whether a path names a descriptor that the caller has opened, such as a shell's >(command). The
// kernel opens it directly, so no user can exchange a name on the way.
func isDescriptor(path string) bool {
	switch filepath.Dir(path) {
	case "/dev/fd", "/proc/self/fd":
		return true
	case "/dev":
		return strings.HasPrefix(filepath.Base(path), "std")
	}
	return false
}

// Open opens a file for reading: a regular file, by the rules of the package foreign, or a descriptor that the caller
// has opened, such as a shell's <(command).
func Open(path string) (*os.File, error) {
	if isDescriptor(path) {
		return os.Open(path)
	}
	file, _, err := foreign.Open(path)
	return file, err
}

// isStandardOutput reports whether a file is standard output.
func (w Writer) isStandardOutput(info fs.FileInfo) bool {
	file, ok := w.Out.To.(*os.File)
	if !ok {
		return false
	}
	ours, err := file.Stat()
	return err == nil && os.SameFile(info, ours)
}

// write writes to the destination. A replaced or new file is complete or as it was before, and has the mode. Waiting
// for the reader of a pipe ends with ctx.
func (w Writer) write(ctx context.Context, to destination, mode fs.FileMode, write func(io.Writer) error) error {
	switch {
	case to.standard:
		return write(w.Out)
	case to.through:
		return writeThrough(ctx, to.path, write)
	}
	return foreign.Create(to.path, mode, foreign.Replace, func(file *os.File) error { return write(file) })
}

// writeThrough writes to a destination that is not a regular file.
func writeThrough(ctx context.Context, path string, write func(io.Writer) error) error {
	var file *os.File
	for {
		var err error
		if isDescriptor(path) {
			file, err = os.OpenFile(path, os.O_WRONLY|os.O_TRUNC|unix.O_NONBLOCK, 0)
		} else {
			file, err = foreign.OpenWritable(path)
		}
		if err == nil {
			break
		}
		if info, missing := os.Stat(path); !errors.Is(err, unix.ENXIO) || missing != nil ||
			info.Mode().Type() != fs.ModeNamedPipe {
			return err
		}
		select { // nobody reads it yet, and there is no event for a new reader
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

// Page writes a page to the place that --html names. It returns where messages for a person go: standard output may be
// the page.
func (w Writer) Page(ctx context.Context, path string, write func(io.Writer) error) (about io.Writer, err error) {
	to, err := w.destination(path)
	if err == nil {
		err = w.write(ctx, to, 0o600, write)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, answer.Explained(ctx.Err())
	case err != nil:
		return nil, &answer.Failure{Code: answer.ExitDefect, Reason: "OUTPUT_FAILED",
			Message: fmt.Sprintf("the page could not be written: %v", err),
			Hint:    "name a file in a folder that you may write to"}
	case to.standard:
		return w.Err, nil
	}
	return w.Out, nil
}

// Text prints a text, or writes it into a new file, whole or not at all. Something other than a regular file, such as a
// named pipe, may exist already.
func (w Writer) Text(ctx context.Context, what, text, output string) error {
	if output == "" {
		output = "-"
	}
	to, err := w.destination(output)
	if err == nil && to.standard {
		if w.JSON {
			return w.Print(map[string]string{what: text})
		}
		_, err := w.Out.Write([]byte(text))
		return err
	}
	path, absolute := filepath.Abs(output)
	if absolute != nil {
		return answer.Defect(absolute)
	}
	if to.exists && !to.through || errors.Is(err, unix.EISDIR) {
		return &answer.Failure{Code: answer.ExitUsage, Reason: "OUTPUT_EXISTS",
			Message: path + " is there already, and is left as it is", Hint: "name a new file with --output"}
	}
	if err == nil {
		err = w.write(ctx, to, 0o644, func(to io.Writer) error { // nothing in it is secret
			_, err := io.WriteString(to, text)
			return err
		})
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return answer.Explained(ctx.Err())
	case err != nil:
		return &answer.Failure{Code: answer.ExitDefect, Reason: "OUTPUT_FAILED",
			Message: strings.TrimSpace(fmt.Sprintf("write %s: %v", path, err))}
	case w.JSON:
		return w.Print(map[string]string{"file": path})
	}
	fmt.Fprintln(w.Out, "wrote "+terminal.Plain(path))
	return nil
}
