// Package config is usher's configuration: one typed structure, filled from a table of keys.
//
// [Load] reads the platform's places, [Default] needs none, and [Keys] describes every key there is. The table in
// keys.go is the single source: loading, [Loaded.Values], validation and docs/configuration.md all follow it.
//
// Where values come from, the first that has one wins:
//
//   - macOS: /Library/Managed Preferences/org.usher.plist (a configuration profile), then
//     /Library/Preferences/org.usher.plist, then the default.
//   - Linux: /etc/usher/config.yaml, then the default.
//
// A file given to [Load] stands in the place of the second one; a managed value cannot be overridden. Files are told
// apart by their content, so YAML and property lists (binary or XML) work in every place. In both, a key may be written
// dotted ("delivery.mode") or nested.
//
// Guarantees: a [Loaded] is valid as a whole; every problem of every file is reported at once, as [KeyError]s joined.
// Nothing is read from the environment and nothing is watched: a change of the files counts from the next start.
package config
