package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"howett.net/plist"

	"usher.internal/internal/config"
)

// Whatever a file contains, loading does not panic. It returns errors that name the file, or a configuration whose
// values load again as the same configuration.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("delivery.mode: api\n"))
	f.Add([]byte("? [a]\n: b\n"))
	f.Add([]byte(`<?xml version="1.0"?><plist><dict><key>log_level</key><date>2026-01-01T00:00:00Z</` +
		`date></dict></plist>`))
	binary, err := plist.Marshal(
		map[string]any{"jamf": map[string]any{"gather_after_portal": true}, "log_level": []any{1.5}},
		plist.BinaryFormat)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(binary)
	path := filepath.Join(f.TempDir(), "config")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		loaded, err := config.Places{Local: path}.Load()
		if err != nil {
			joined, ok := errors.AsType[interface {
				error
				Unwrap() []error
			}](err)
			if !ok {
				t.Fatalf("error without joined problems: %v", err)
			}
			for _, problem := range joined.Unwrap() {
				if !strings.Contains(problem.Error(), path) {
					t.Errorf("does not name the file: %v", problem)
				}
			}
			return
		}
		values := map[string]string{}
		for _, value := range loaded.Values() {
			values[value.Key] = strings.ReplaceAll(value.Value, "'", "''")
		}
		if err := os.WriteFile(path, []byte(yamlOf(values)), 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := config.Places{Local: path}.Load()
		if err != nil {
			t.Fatalf("%q is valid, but its values are not: %v", content, err)
		}
		if !reflect.DeepEqual(again.Config, loaded.Config) {
			t.Errorf("first %+v\nagain %+v", loaded.Config, again.Config)
		}
	})
}
