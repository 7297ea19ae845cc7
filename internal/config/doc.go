// Package config is usher's configuration: one typed structure, filled from a table of keys.
//
// [Load] reads the platform's files, [Default] needs none, and [Keys] describes every key. The table in keys.go is the
// single source for loading, [Loaded.Values], validation and docs/configuration.md.
//
// A value comes from the first of these that has it:
//
//   - macOS: /Library/Managed Preferences/org.usher.plist (a configuration profile), then
//     /Library/Preferences/org.usher.plist, then the default.
//   - Linux: /etc/usher/config.yaml, then the default.
//
// A file given to [Load] replaces the second one; it cannot override a managed value. Load recognises a file's format
// by its content, so YAML and property lists (binary or XML) work in every place. In both, a key may be dotted
// ("delivery.mode") or nested.
//
// Guarantees: a [Loaded] is valid as a whole. Load reports every problem of every file at once, as joined [KeyError]s.
// It reads nothing from the environment and watches nothing; [Live] follows changes of the files.
package config
