// Package applog reads the logs that show a registration. These are the logs of Company Portal, its SSO extension, Jamf
// and usher, and the unified log as macOS exports it. [Read] reads a complete log, and [Follow] the logs of a folder
// while they are written. [Find] finds the logs in files, folders and archives.
//
// Each format of a log is one entry of a table of grammars here, and all of them produce the same [Record]. The content
// of a line chooses the grammar, never the name of the file. A file may change its grammar midway. A line that no
// grammar knows is a record of its own, marked Unparsed. No byte of a log is dropped silently: the records of a file
// lie end to end.
//
// Memory is bounded for a log of any size: a line is kept up to 1 MiB, and so is an entry of several lines.
//
// The content of a log is a claim of the program that wrote it, and may be personal data. The caller decides where each
// part of it goes.
package applog
