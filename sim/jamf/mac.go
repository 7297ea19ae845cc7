package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// mac is the computer that a verb works on.
type mac struct {
	Config
	stdout io.Writer
}

// say writes a line only to standard output, the source of a policy's log in Jamf Pro.
func (m *mac) say(format string, arguments ...any) {
	fmt.Fprintf(m.stdout, format+"\n", arguments...)
}

// record writes a line to jamf.log and to standard output.
func (m *mac) record(format string, arguments ...any) error {
	m.say(format, arguments...)
	return m.log(format, arguments...)
}

// logTime has neither year nor zone, and the day padded with a zero, as in the real log.
const logTime = "Mon Jan 02 15:04:05"

// log writes a line to jamf.log in one piece, since other runs of jamf write to it too.
func (m *mac) log(format string, arguments ...any) error {
	file, err := os.OpenFile(m.LogFile, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	defer file.Close()
	line := fmt.Sprintf("%s %s jamf[%d]: %s\n", time.Now().Format(logTime), m.ComputerName, os.Getpid(),
		fmt.Sprintf(format, arguments...))
	if _, err := file.WriteString(line); err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	return nil
}

// fails reports whether the configuration makes a verb fail, and how.
func (m *mac) fails(verb string) (code int, fails bool) {
	code, fails = m.ExitCodes[verb]
	return code, fails
}
