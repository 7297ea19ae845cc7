package applog

import "errors"

var (
	// ErrNotALogDirectory is wrapped when the path in a [Following] is not a directory.
	ErrNotALogDirectory = errors.New("not a directory")

	// errStopped ends a reader when its caller stops the iteration.
	errStopped = errors.New("stopped")
)

// The reasons why a file in a folder or archive is not a log, or is not read to its end.
var (
	errNotText     = errors.New("not a log: it holds binary data")
	errTurnsBinary = errors.New("it holds only NUL bytes")
	errLogArchive  = errors.New(
		"a log archive of macOS cannot be read here: run `log show --archive FILE --style ndjson > unified.ndjson` " +
			"on a Mac, and read that")
	errNested   = errors.New("it is packed too many times")
	errTooLarge = errors.New("unpacked, it is larger than the limit")
	errNoSpace  = errors.New("the space for archives in the folder for temporary files is full")
	errOverlap  = errors.New("its entries claim more bytes than the archive has")
	errReplaced = errors.New("another file has replaced it meanwhile")
	// errInOrder is the reason why an archive must be kept before it is read.
	errInOrder = errors.New("it can only be read in order")
	// errTooMany and errTooManyEntries end a search.
	errTooMany        = errors.New("there are too many logs to examine all of them")
	errTooManyEntries = errors.New("there are too many entries in folders and archives to examine all of them")
)
