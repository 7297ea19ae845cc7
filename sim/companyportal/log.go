package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// logName is the name of the log. The real name of older ones is unknown, and rotatedName is made up.
const (
	logName     = "com.microsoft.CompanyPortalMac.log"
	rotatedName = "com.microsoft.CompanyPortalMac.1.log"
)

// Threads, by their numbers in a real log.
const (
	mainThread      = 9811
	telemetryThread = 10971
)

// telemetryLocation is the code location of events.
const telemetryLocation = "AriaTelemetryService.swift: 283 " +
	"(sendEvent(featureArea:type:eventTitle:duration:result:target:location:resultData:error:" +
	"context:workflowData:clientRequestId:shouldSanitizeStrings:))"

// log writes Company Portal's log as the versions of 2018 to 2020 did (docs/log-formats.md). Every entry is one write.
// close returns the first error, because the real program does not end when its log cannot be written.
//
// The sign-in library's lines are among the entries, in its own grammar. With piped, Company Portal's own entries are
// written as version 5 does (grammar B).
type log struct {
	path  string
	file  *os.File
	err   error
	piped bool
}

func openLog(directory string, piped bool) (*log, error) {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	l := &log{path: filepath.Join(directory, logName), piped: piped}
	return l, l.open()
}

func (l *log) open() (err error) {
	if l.file, err = os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644); err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	return nil
}

func (l *log) close() error {
	return errors.Join(l.err, l.file.Close())
}

func (l *log) write(level, subsystem string, thread int, location, message string) {
	if l.piped {
		l.writePiped(level, subsystem, thread, location, message)
		return
	}
	_, err := fmt.Fprintf(l.file, "%s %s com.microsoft.ssp.%s TID=%d %s %s\n",
		time.Now().UTC().Format("2006-01-02 15:04:05.000"), level, subsystem, thread, location, message)
	l.keep(err)
}

func (l *log) keep(err error) {
	if l.err == nil && err != nil {
		l.err = fmt.Errorf("write log: %w", err)
	}
}

func (l *log) info(subsystem, location, message string) {
	l.write("INFO", subsystem, mainThread, location, message)
}

// sdk writes a message of the WPJ SDK; its real level is in its text.
func (l *log) sdk(message string) {
	l.info("workplaceJoinSdk", "WorkplaceJoinManager.swift: 845 (workplaceClient(_:logMessage:))",
		strings.ReplaceAll(message, "[TIME]", time.Now().UTC().Format("[2006-01-02 15:04:05 -0700]")))
}

// field is a key of an event and its value.
type field struct{ key, value string }

// event writes a telemetry event, a dictionary in the style of NSDictionary. Fields are sorted by their keys.
func (l *log) event(kind string, fields ...field) {
	if l.piped {
		l.eventPiped(fields)
		return
	}
	var text strings.Builder
	fmt.Fprintf(&text, "Sending event using aria: %s : {\n", kind)
	for _, f := range fields {
		fmt.Fprintf(&text, "%s = %s;\n", f.key, quoted(f.value))
	}
	text.WriteString("}")
	l.write("VERB", "telemetry", telemetryThread, telemetryLocation, text.String())
}

var simpleValue = regexp.MustCompile(`^[0-9A-Za-z]+$`)

func quoted(value string) string {
	if simpleValue.MatchString(value) {
		return value
	}
	return `"` + strings.ReplaceAll(value, `"`, `\"`) + `"`
}

// rotate rotates the log while somebody reads it: it renames or empties the file.
func (l *log) rotate(how string) {
	switch how {
	case rotateRename:
		err := errors.Join(os.Rename(l.path, filepath.Join(filepath.Dir(l.path), rotatedName)), l.file.Close())
		l.keep(errors.Join(err, l.open()))
	case rotateTruncate:
		l.keep(l.file.Truncate(0))
	}
}
