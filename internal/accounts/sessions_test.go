package accounts

import (
	"fmt"
	"strings"
	"testing"

	"howett.net/plist"
)

// session is an entry as loginwindow writes it, in the shape of public captures of `scutil` [SCCONSOLE].
func session(uid any, name string, onConsole, loginDone bool) map[string]any {
	return map[string]any{
		"kCGSSessionAuditIDKey": 100005, "kCGSSessionGroupIDKey": 20, "kCGSSessionIDKey": 257,
		"kCGSSessionLoginwindowSafeLogin": false,
		"kCGSSessionOnConsoleKey":         onConsole, "kCGSSessionSystemSafeBoot": false, "kCGSSessionUserIDKey": uid,
		"kCGSSessionUserNameKey": name,
		"kCGSessionLoginDoneKey": loginDone, "kCGSessionLongUserNameKey": "Jane Doe", "kSCSecuritySessionID": 100005,
	}
}

func TestSessionsOfAMac(t *testing.T) {
	for name, test := range map[string]struct {
		sessions []map[string]any
		want     string
	}{
		"one": {[]map[string]any{session(501, "jane", true, true)}, "jane 501, console 501"},
		"fast user switching": {[]map[string]any{session(501, "jane", false, true), session(502, "john", true, true)},
			"jane 501, john 502, console 502"},
		"login window": {[]map[string]any{session(0, "root", true, false)}, "nobody"},
		"login window over a session": {
			[]map[string]any{session(501, "jane", false, true), session(0, "", true, false)}, "jane 501, nobody"},
		"during the login": {[]map[string]any{session(501, "jane", true, false)}, "nobody"},
		"Setup Assistant":  {[]map[string]any{session(248, "_mbsetupuser", true, true)}, "nobody"},
		"after Setup Assistant": {
			[]map[string]any{session(248, "_mbsetupuser", true, true), session(501, "jane", false, true)},
			"jane 501, nobody"},
		"window server":                   {[]map[string]any{session(88, "_windowserver", true, true)}, "nobody"},
		"service account with a high uid": {[]map[string]any{session(501, "_mbsetupuser", true, true)}, "nobody"},
		"a user of a directory": {[]map[string]any{session(1284719337, "jane", true, true)},
			"jane 1284719337, console 1284719337"},
		"nobody's uid": {
			[]map[string]any{session(4294967294, "nobody", true, true), session(-2, "nobody", true, true)}, "nobody"},
		"twice": {
			[]map[string]any{session(501, "jane", false, true), session(501, "jane", true, true)},
			"jane 501, console 501"},
		"none": {nil, "nobody"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, format := range []int{plist.BinaryFormat, plist.XMLFormat} {
				content, err := plist.Marshal(
					map[string]any{"GID": 20, "Name": "jane", "UID": 501, "SessionInfo": test.sessions}, format)
				if err != nil {
					t.Fatal(err)
				}
				sessions, err := parseSessions(content)
				if err != nil {
					t.Fatal(err)
				}
				var found []string
				for _, one := range sessions {
					found = append(found, fmt.Sprintf("%s %d", one.Name, one.UID))
				}
				if uid, there := consoleOf(sessions); there {
					found = append(found, fmt.Sprintf("console %d", uid))
				} else {
					found = append(found, "nobody")
				}
				if got := strings.Join(found, ", "); got != test.want {
					t.Errorf("got %s, want %s", got, test.want)
				}
			}
		})
	}
	for _, garbage := range []string{"", "garbage", "<plist><array/></plist>",
		`<plist version="1.0"><dict><key>SessionInfo</key><string>x</string></dict></plist>`} {
		if sessions, err := parseSessions([]byte(garbage)); err == nil && len(sessions) > 0 {
			t.Errorf("%q has %v", garbage, sessions)
		}
	}
}
