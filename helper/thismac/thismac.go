// Package thismac reports what the helper itself can see of the computer: its name and its system. As evidence for the
// state of each user, it also reports Jamf's settings and whether Company Portal is there. It asks no session and no
// server.
package thismac

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"usher.internal/internal/jamfstate"
	"usher.internal/internal/propertylist"
	"usher.internal/internal/wpj"
)

// Name returns the computer's name on its network. It is empty if the computer has none.
func Name() string {
	name, _ := os.Hostname()
	return name
}

// OperatingSystem is its name and version, for example "macOS 15.1" or "Debian GNU/Linux 12 (bookworm)". It is empty if
// the system does not report it.
func OperatingSystem() string { return operatingSystem() }

// MachineID returns the random id of this installation on Linux. macOS has no such id, and the error says so.
func MachineID() (string, error) {
	id, err := machineID()
	if err != nil {
		return "", fmt.Errorf("read the machine id: %w", err)
	}
	return id, nil
}

// Places are the files to examine. An empty path is skipped.
type Places struct {
	// PortalExecutable is the program inside Company Portal's bundle. JamfPreferences is com.jamfsoftware.jamf.plist.
	PortalExecutable string
	JamfPreferences  string
}

// Evidence examines them.
func (p Places) Evidence() []wpj.Evidence {
	var evidence []wpj.Evidence
	if p.PortalExecutable != "" {
		evidence = append(evidence, portal(p.PortalExecutable))
	}
	if p.JamfPreferences != "" {
		evidence = append(evidence, jamfSettings(p.JamfPreferences))
	}
	for i := range evidence {
		evidence[i].ObservedAt = time.Now().UTC()
	}
	return evidence
}

func portal(path string) wpj.Evidence {
	evidence := wpj.Evidence{Source: wpj.SourcePortal, Finding: wpj.NotThere}
	trouble, err := WithoutProgram("It", path)
	if err != nil {
		return couldNotLook(wpj.SourcePortal, err)
	}
	if evidence.Detail = trouble; trouble == "" {
		evidence.Finding, evidence.Detail = wpj.Found, "It is at "+path+"."
	}
	return evidence
}

// Gone reports whether an error says that there is no such file.
func Gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) }

// WithoutProgram returns a sentence about name that says why no program can be started from a path. It returns "" if no
// reason is known.
func WithoutProgram(name, path string) (trouble string, err error) {
	info, err := os.Stat(path)
	switch {
	case path == "", Gone(err):
		return fmt.Sprintf("%s is not at %s.", name, path), nil
	case err != nil:
		return "", err
	case info.IsDir():
		return path + " is not a program but a directory.", nil
	case !info.Mode().IsRegular():
		return fmt.Sprintf("%s is not a program but a special file (%s).", path, info.Mode().Type()), nil
	case info.Mode().Perm()&0o111 == 0:
		return fmt.Sprintf("%s cannot be executed (mode %04o).", path, info.Mode().Perm()), nil
	}
	return "", nil
}

// JamfSettings reads com.jamfsoftware.jamf.plist at that path. The error wraps [fs.ErrNotExist] if there is no such
// file.
func JamfSettings(ctx context.Context, path string) (*jamfstate.Settings, error) {
	content, err := propertylist.ContentWithin(ctx, path)
	if err != nil {
		return nil, err
	}
	settings, err := jamfstate.ParseSettings(content)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return settings, nil
}

func jamfSettings(path string) wpj.Evidence {
	settings, err := JamfSettings(context.Background(), path) // it has its own time limit
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return wpj.Evidence{Source: wpj.SourceJamfSettings, Finding: wpj.NotThere, Detail: "There is no " + path + "."}
	case err != nil:
		return couldNotLook(wpj.SourceJamfSettings, err)
	}
	return settings.Evidence()
}

// DeviceCompliance reports whether Jamf's settings at that path say that device compliance is on for this Mac. Without
// the file it is off: Jamf has no settings here. An error says why the answer is not known.
func DeviceCompliance(path string) (bool, error) {
	if path == "" {
		return false, errors.New("preflight.jamf_preferences is none")
	}
	settings, err := JamfSettings(context.Background(), path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	}
	return settings.ConditionalAccess != nil && *settings.ConditionalAccess, nil
}

func couldNotLook(source wpj.Source, err error) wpj.Evidence {
	obstacle := wpj.ObstacleFailed
	if errors.Is(err, fs.ErrPermission) {
		obstacle = wpj.ObstacleAccessDenied
	}
	return wpj.Evidence{Source: source, Finding: wpj.CouldNotLook, Obstacle: obstacle, Detail: err.Error()}
}
