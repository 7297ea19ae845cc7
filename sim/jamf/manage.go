package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"howett.net/plist"
)

// manage enforces the management framework: here, it updates microsoftCAEnabled in Jamf's preferences [BW#5]. Other
// keys are kept.
func manage(_ context.Context, m *mac, arguments []string) (int, error) {
	if len(arguments) > 0 && arguments[0] != "-verbose" {
		return 0, fmt.Errorf("%w: manage has no option %q", errUsage, arguments[0])
	}
	if err := m.record("Enforcing management framework..."); err != nil {
		return 0, err
	}
	if code, fails := m.fails("manage"); fails {
		return code, nil
	}
	if signed, err := m.signed(); err != nil || !signed {
		return exitFailed, err // (?)
	}
	if err := m.writePreference("microsoftCAEnabled", m.ConditionalAccessEnabled); err != nil {
		return 0, fmt.Errorf("write preferences: %w", err)
	}
	return exitDone, m.record("Enforcing scheduled tasks...")
}

// writePreference sets a key of the preferences and keeps their format; new ones are binary, as on macOS.
func (m *mac) writePreference(key string, value any) error {
	preferences, format := map[string]any{}, plist.BinaryFormat
	content, err := os.ReadFile(m.PreferencesFile)
	switch {
	case err == nil:
		if format, err = plist.Unmarshal(content, &preferences); err != nil {
			return fmt.Errorf("parse %s: %w", m.PreferencesFile, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	preferences[key] = value
	if content, err = plist.Marshal(preferences, format); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(m.PreferencesFile), 0o755); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(m.PreferencesFile), ".jamf-*.plist")
	if err != nil {
		return err
	}
	_, err = temporary.Write(content)
	if err = errors.Join(err, temporary.Chmod(0o644), temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), m.PreferencesFile)
	}
	if err != nil {
		os.Remove(temporary.Name())
	}
	return err
}
