// Package support reads the logs for a support archive. Only root can read these logs and usherd's own. [Logs.List]
// lists them, and [Logs.Copy] copies the part of one that is about a user's registrations.
//
// A caller who is not an admin gets nothing that names another user: see [Selection].
package support

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"usher.internal/internal/applog"
	"usher.internal/internal/excerpt"
	"usher.internal/internal/trust"
)

// Limits for reading a log and for copying it; both apply to the newest bytes.
const (
	maximumRead  = 64 << 20
	maximumGiven = 4 << 20
)

// Homes are the folders with people's homes.
var Homes = []string{"/Users", "/home"}

// Config says where the logs are.
type Config struct {
	// JamfLog is a file. OwnFiles is a folder with files that end in .log. Both may be missing.
	JamfLog, OwnFiles string
	// People returns the account names, full names and numbers of everybody with an account here.
	People func() []string
	// Zone is this computer's time zone; nil is the system's.
	Zone *time.Location
}

// Logs are the logs of this computer. It is safe for concurrent use.
type Logs struct{ config Config }

// New returns the logs that config names.
func New(config Config) *Logs { return &Logs{config} }

// Log is one log.
type Log struct {
	// Name is its name in the archive, Path its path.
	Name, Path  string
	Description string
	// Size is the maximum number of bytes that are copied.
	Size int64
	// Own is true for usherd's logs. They are about everybody, so only admins get them.
	Own bool
}

// ErrNoLog is wrapped by the error for a log that is missing, or not as it should be.
var ErrNoLog = errors.New("no such log")

// List returns the logs that are there.
func (l *Logs) List() []Log {
	var found []Log
	add := func(log Log) {
		file, info, err := open(log.Path)
		if err != nil {
			return
		}
		file.Close()
		log.Size = min(info.Size(), maximumGiven)
		found = append(found, log)
	}
	if l.config.JamfLog != "" {
		add(Log{Name: "logs/jamf.log", Path: l.config.JamfLog, Description: "what Jamf did around the registrations"})
	}
	if l.config.OwnFiles != "" {
		files, _ := filepath.Glob(filepath.Join(l.config.OwnFiles, "*.log")) // the pattern is a good one
		slices.Sort(files)
		for _, path := range files {
			add(Log{Name: "logs/usher/" + filepath.Base(path), Path: path,
				Description: "what usherd logged around the registrations", Own: true})
		}
	}
	return found
}

// Selection says which part of a log is about a user.
type Selection struct {
	// About is the user. Others are names and ids of other users, in addition to those with an account.
	About  excerpt.Person
	Others []string
	// Everything is for admins: they also get records that name other users, or no user at all.
	Everything bool
	// Spans are the times of the user's registrations. Without one, the newest part of a log is copied.
	Spans []excerpt.Span
}

// Copy writes the selected part of a log. It returns a sentence about the missing parts, "" for none.
func (l *Logs) Copy(ctx context.Context, to io.Writer, log Log, selection Selection) (missing string, err error) {
	if log.Own && !selection.Everything {
		return "", fmt.Errorf("%w: only admins read %s", ErrNoLog, log.Path)
	}
	file, info, err := open(log.Path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	skipped := info.Size() > maximumRead
	if skipped {
		if _, err := file.Seek(-maximumRead, io.SeekEnd); err != nil {
			return "", fmt.Errorf("read %s: %w", log.Path, err)
		}
	}
	options := excerpt.Options{Spans: selection.Spans, Limit: maximumGiven}
	if !selection.Everything {
		privacy := excerpt.NewPrivacy(selection.About, slices.Concat(l.config.People(), selection.Others))
		options.Keep = privacy.NamesNobodyElse
	}
	result, err := excerpt.Copy(ctx, to, file, applog.Options{Zone: l.config.Zone, Modified: info.ModTime()}, options)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", log.Path, err)
	}
	switch {
	case result.LeftOut > 0:
		missing = fmt.Sprintf("What may be about other users, or about nobody, is left out (entries: %d).",
			result.LeftOut)
	case result.TooMany > 0 || skipped:
		missing = "It is only the newest part."
	}
	return missing, nil
}

// open opens a log for reading. The log must be a plain file that only root can have put there ([trust.Log]).
func open(path string) (*os.File, fs.FileInfo, error) {
	file, info, err := trust.Log.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrNoLog, err)
	}
	return file, info, nil
}
