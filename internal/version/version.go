// Package version knows the version of the running program.
package version

import "runtime/debug"

// number is set for a release: -ldflags "-X usher.internal/internal/version.number=1.2.3".
var number string

// String returns the version of the running program: the release's version, or the version or commit from the Go tool.
// Its last resort is "development".
func String() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return choose(number, info)
}

func choose(number string, info *debug.BuildInfo) string {
	if number != "" {
		return number
	}
	if version := info.Main.Version; version != "" && version != "(devel)" {
		return version
	}
	var commit, modified string
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			commit = setting.Value
		case "vcs.modified":
			if setting.Value == "true" {
				modified = "+modified"
			}
		}
	}
	if len(commit) >= 12 {
		return "development-" + commit[:12] + modified
	}
	return "development"
}
