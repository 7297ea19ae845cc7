package applog

import "errors"

var (
	// ErrNotALogDirectory is wrapped when the directory of a [Following] is something else.
	ErrNotALogDirectory = errors.New("not a directory")

	// errStopped ends a reader whose caller has had enough.
	errStopped = errors.New("stopped")
)
