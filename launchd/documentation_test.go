package launchd_test

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"usher.internal/internal/documented"
	"usher.internal/internal/layout"
)

var update = flag.Bool("update", false, "write the generated part of the documentation")

// docs/uninstall.md names every place of the layouts. Anyone who adds one has to say there whether it is removed.
func TestPlacesOfTheDocumentation(t *testing.T) {
	mac, linux := layout.MacOS, layout.Linux
	var table strings.Builder
	table.WriteString("| what | macOS | Linux | only with `--purge` |\n| --- | --- | --- | --- |\n")
	row := func(what string, purge bool, of func(layout.Layout) string) {
		cells := []string{what}
		for _, l := range []layout.Layout{mac, linux} {
			if path := of(l); path == "" {
				cells = append(cells, "-")
			} else {
				cells = append(cells, "`"+path+"`")
			}
		}
		fmt.Fprintf(&table, "| %s | %s |\n", strings.Join(cells, " | "), map[bool]string{true: "yes", false: ""}[purge])
	}
	row("programs", false, func(l layout.Layout) string { return l.Programs })
	row("link to usherctl", false, func(l layout.Layout) string { return l.Link })
	row("usherd's service", false, func(l layout.Layout) string { return l.HelperDefinition })
	row("the agents' service", false, func(l layout.Layout) string { return l.AgentDefinition })
	row("rotation of the log", false, func(l layout.Layout) string { return l.Rotation })
	row("manual pages", false, func(l layout.Layout) string { return l.Manuals + "/usherctl*.1" })
	row("completion for bash", false, func(l layout.Layout) string { return l.BashCompletion })
	row("completion for zsh", false, func(l layout.Layout) string { return l.ZshCompletion })
	row("completion for fish", false, func(l layout.Layout) string { return l.FishCompletion })
	row("journal, last good configuration", true, func(l layout.Layout) string { return l.State })
	row("sockets", true, func(l layout.Layout) string { return l.Sockets })
	row("client secret", true, func(layout.Layout) string { return "delivery.api.client_secret_file" })
	row("credentials of the fleet", true,
		func(layout.Layout) string { return "fleet.credentials_file` and `fleet.nkey_file" })
	row("configuration", true, func(l layout.Layout) string {
		if !l.Mac() {
			return filepath.Dir(l.Configuration)
		}
		return l.Configuration
	})
	row("logs", true, func(l layout.Layout) string { return l.LogDirectory })
	for i := range max(len(mac.HomeLeavings()), len(linux.HomeLeavings())) {
		row("in each home", true, func(l layout.Layout) string {
			if i >= len(l.HomeLeavings()) {
				return ""
			}
			return "~/" + l.HomeLeavings()[i]
		})
	}
	row("receipt", true, func(l layout.Layout) string {
		if !l.Mac() {
			return ""
		}
		return "pkgutil --forget " + layout.BundleIdentifier
	})
	documented.Part(t, "../docs/uninstall.md", "places", "go test ./launchd -update", table.String(), *update)
}
