package store

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// bbolt reduces the errors of growing the file to text.
func TestFullDiskIsKnownByItsTextToo(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ENOSPC, unix.EDQUOT} {
		for _, err := range []error{errno, fmt.Errorf("write: %w", errno), fmt.Errorf("file resize error: %s", errno)} {
			if !errors.Is(explained(err), ErrFull) || !errors.Is(explained(err), err) {
				t.Errorf("%v became %v", err, explained(err))
			}
		}
	}
	if err := explained(unix.EIO); errors.Is(err, ErrFull) {
		t.Errorf("EIO became %v", err)
	}
	if explained(nil) != nil {
		t.Error("nil became an error")
	}
}

// SchemaSum returns the value that a version after this one writes beside its schema.
var SchemaSum = schemaSum
