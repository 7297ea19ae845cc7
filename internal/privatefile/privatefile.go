// Package privatefile reads files that hold secrets. It refuses files that others can read or have put there. Package
// atomicfile writes them.
package privatefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"usher.internal/internal/trust"
)

// Read returns the content of the file at path, without surrounding white space, and describes the file at that time.
// It must be a regular file of root or of our own user that nobody else can read (mode 0600 or 0400). It must not be
// empty or larger than limit bytes, and nobody else may be able to replace it ([trust.Secret]). A relative path begins
// in the working directory. An error says what is wrong and never contains the content. It leaves the path to the
// caller. Only a command that fixes the file names it, quoted for a shell, so that an admin can copy it.
func Read(path string, limit int64) ([]byte, fs.FileInfo, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, nil, err
	}
	file, info, err := trust.Secret.Open(path)
	if refused, ok := errors.AsType[*trust.Error](err); ok {
		return nil, nil, explained(refused)
	}
	if err != nil {
		return nil, nil, Pathless(err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, nil, Pathless(err)
	}
	if int64(len(content)) > limit {
		return nil, nil, fmt.Errorf("it is larger than %d bytes", limit)
	}
	if content = bytes.TrimSpace(content); len(content) == 0 {
		return nil, nil, errors.New("it is empty")
	}
	return content, info, nil
}

// explained leaves out the path of the file itself, but names a directory or a link on the way.
func explained(refused *trust.Error) error {
	if refused.Component != refused.Path && refused.Reason != trust.Kind && refused.Reason != trust.Shared {
		return refused
	}
	if refused.Fix == "" {
		return errors.New(refused.Describe("it"))
	}
	return fmt.Errorf("%s; %s", refused.Describe("it"), refused.Fix)
}

// Pathless removes the path from an error that would otherwise name it twice.
func Pathless(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}
