// Package applog reads the log files of Company Portal: the ones that are complete with [Read], and one that is being
// written with [Follow].
//
// Company Portal's log has had several grammars over the years [reference/domain.md 2.4]. Each is one entry of a table
// here, and all of them come out as the same [Record]. A line that no grammar knows is a record of its own, marked
// Unparsed: no byte of a log is dropped silently, the records of a file lie end to end.
//
// What a log says is a claim of the program that wrote it, and it may hold personal data: the caller decides what of it
// goes where.
package applog
