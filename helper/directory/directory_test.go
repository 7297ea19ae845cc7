package directory_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher.internal/helper/directory"
	"usher.internal/internal/command"
	"usher.internal/internal/wpj"
)

// dscl is a shell script in the place of dscl.
func dscl(t *testing.T, script string) command.Command {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dscl")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return command.Dscl.At(path)
}

// record is the property list of a record with these values.
func record(values ...string) string {
	var list strings.Builder
	for _, value := range values {
		fmt.Fprintf(&list, "\t\t<string>%s</string>\n", value)
	}
	return `cat <<'END'
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>dsAttrTypeStandard:AltSecurityIdentities</key>
	<array>
` + list.String() + `	</array>
</dict>
</plist>
END
`
}

func TestLook(t *testing.T) {
	for name, test := range map[string]struct {
		script   string
		finding  wpj.Finding
		obstacle wpj.Obstacle
		upn      wpj.UserPrincipalName
		detail   string
	}{
		"bound": {record("PlatformSSO:jane@example.com"), wpj.Found, "", "jane@example.com",
			"has an identity"},
		"beside others": {
			record("Kerberos:jane@CORP.EXAMPLE.COM", "X509:&lt;I&gt;CN=x", "PlatformSSO: jane@example.com"), wpj.Found,
			"", "jane@example.com", "has an identity"},
		"twice the same": {record("PlatformSSO:jane@example.com", "PlatformSSO:Jane@Example.com"), wpj.Found,
			"", "jane@example.com", "has an identity"},
		"two": {record("PlatformSSO:jane@example.com", "PlatformSSO:john@example.com"), wpj.Found,
			"", "", "2 different identities"},
		"others only":      {record("Kerberos:jane@CORP.EXAMPLE.COM"), wpj.NotThere, "", "", "no identity"},
		"no name of Entra": {record("PlatformSSO:jane", "PlatformSSO:"), wpj.NotThere, "", "", "no identity"},
		"escaped": {record(`PlatformSSO:jane\@example.com`), wpj.Found, "", "jane@example.com",
			"has an identity"},
		"a value that says so": {record("Kerberos:No such key", "PlatformSSO:jane@example.com"), wpj.Found, "",
			"jane@example.com", "has an identity"},
		"empty":       {record("PlatformSSO:"), wpj.NotThere, "", "", "no identity"},
		"no such key": {`echo 'No such key: AltSecurityIdentities'`, wpj.NotThere, "", "", "no identity"},
		"no such key, on stderr": {`echo 'No such key: AltSecurityIdentities' >&2; exit 181`, wpj.NotThere, "", "",
			"no identity"},
		"no such record": {`echo '<dscl_cmd> DS Error: -14136 (eDSRecordNotFound)' >&2; exit 56`,
			wpj.CouldNotLook, wpj.ObstacleFailed, "", "eDSRecordNotFound"},
		"garbage": {`echo 'Entry Path: /'`, wpj.CouldNotLook, wpj.ObstacleFailed, "",
			"not the output of dscl"},
		"nothing": {``, wpj.CouldNotLook, wpj.ObstacleFailed, "", "not the output of dscl"},
		"another kind of value": {
			strings.NewReplacer("<array>", "<integer>1</integer><!--", "</array>", "-->").Replace(record()),
			wpj.NotThere, "", "", "no identity"},
		"letters that nobody sees": {record("PlatformSSO:jane&#x202e;@example.com"), wpj.NotThere, "", "",
			"no identity"},
		"never ends": {`exec sleep 600`, wpj.CouldNotLook, wpj.ObstacleUnavailable, "",
			"did not end in time"},
		"prints for ever": {`exec yes`, wpj.CouldNotLook, wpj.ObstacleFailed, "", "too much"},
		"gets the arguments it has": {
			`[ "$*" = "-plist . -read /Users/jane dsAttrTypeStandard:AltSecurityIdentities" ] || exit 9; ` +
				record("PlatformSSO:jane@example.com"), wpj.Found, "", "jane@example.com", ""},
	} {
		t.Run(name, func(t *testing.T) {
			program := dscl(t, test.script).Within(5 * time.Second)
			if name == "never ends" {
				program = program.Within(100 * time.Millisecond)
			}
			got := directory.Look(t.Context(), program, "jane")
			if got.Source != wpj.SourceDirectory || got.Finding != test.finding || got.Obstacle != test.obstacle ||
				got.UserPrincipalName != test.upn ||
				!strings.Contains(got.Detail, test.detail) || got.ObservedAt.IsZero() {
				t.Errorf("%+v, user %q", got, string(got.UserPrincipalName))
			}
			if strings.Contains(got.Detail, "@example") {
				t.Errorf("the detail names the user: %s", got.Detail)
			}
		})
	}
}

func TestLookWithoutDsclOrAccount(t *testing.T) {
	if got := directory.Look(t.Context(), command.Dscl.At(filepath.Join(t.TempDir(), "none")), "jane"); got.Finding !=
		wpj.CouldNotLook || got.Obstacle != wpj.ObstacleUnsupported {
		t.Errorf("without dscl: %+v", got)
	}
	for _, account := range []string{"", "../Groups/admin", "jane/x", "a\x00b"} {
		if got := directory.Look(t.Context(), dscl(t, record("PlatformSSO:jane@example.com")), account); got.Finding !=
			wpj.CouldNotLook {
			t.Errorf("account %q: %+v", account, got)
		}
	}
}
