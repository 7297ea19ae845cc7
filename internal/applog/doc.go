// Package applog reads the logs that tell of a registration: Company Portal's and its SSO extension's, Jamf's, the
// unified log as macOS exports it, and usher's own. [Read] reads one that is complete, [Follow] the logs of a folder
// that are being written, and [Find] finds the logs in files, folders and archives.
//
// Each way in which a log is written is one entry of a table of grammars here, and all of them come out as the same
// [Record]. A grammar is chosen by what stands in a line, never by the name of the file, and a file may change its
// grammar midway. A line that no grammar knows is a record of its own, marked Unparsed: no byte of a log is dropped
// silently, the records of a file lie end to end.
//
// Memory is bounded whatever the size of a log: a line is kept up to 1 MiB, and so is an entry of several lines.
//
// What a log says is a claim of the program that wrote it, and it may hold personal data: the caller decides what of it
// goes where.
package applog
