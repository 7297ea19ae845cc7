package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"usher.internal/internal/atomicfile"
)

// keptValue is one value of the last good configuration, as stored.
type keptValue struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	Layer Layer  `json:"layer"`
	File  string `json:"file"`
}

// save stores the configuration in force. A full disk must not stop the program.
func (l *Live) save() {
	if l.keep == "" {
		return
	}
	if err := l.Current().keepIn(l.keep); err != nil {
		l.log.Warn("the last good configuration could not be saved", "error", err)
	}
}

// keepIn writes the values that differ from the defaults into a file that only its owner can read.
func (l *Loaded) keepIn(path string) error {
	kept := []keptValue{}
	for _, value := range l.Values() {
		if origin, set := l.origins[value.Key]; set {
			kept = append(kept, keptValue{value.Key, value.Value, origin.layer, origin.file})
		}
	}
	content, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return fmt.Errorf("keep configuration: %w", err)
	}
	if old, err := os.ReadFile(path); err == nil && string(old) == string(content) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keep configuration: %w", err)
	}
	if err := atomicfile.Write(path, content, 0o600); err != nil {
		return fmt.Errorf("keep configuration: %w", err)
	}
	return nil
}

// restore returns the stored configuration. A version with other keys uses the keys that it knows.
func (l *Live) restore() (*Loaded, error) {
	if l.keep == "" {
		return nil, errNothingKept
	}
	content, err := readTrusted(l.keep)
	if err != nil {
		return nil, err
	}
	var kept []keptValue
	if err := json.Unmarshal(content, &kept); err != nil {
		return nil, fmt.Errorf("read %s: %w", l.keep, err)
	}
	loaded := &Loaded{Config: Default(), Places: l.places, origins: map[string]origin{}}
	for _, one := range kept {
		row, known := find(one.Key)
		if !known || row.set(&loaded.Config, value{text: one.Value}) != nil {
			continue
		}
		loaded.origins[row.Name] = origin{layer: one.Layer, file: one.File}
	}
	if problems := loaded.checkTogether(); len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return loaded, nil
}
