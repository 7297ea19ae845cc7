package wpj

import (
	"strings"
	"testing"
)

// The reason why a source could not be looked at is a sentence with the right fix, for every source.
func TestObstaclesAreExplained(t *testing.T) {
	for _, test := range []struct {
		blocked Evidence
		want    string
	}{
		{Evidence{Source: SourceLoginKeychain, Obstacle: ObstacleLocked},
			"the login keychain could not be looked at, as it is locked; have the user unlock it, or log out and in."},
		{Evidence{Source: SourceLoginKeychain, Obstacle: ObstacleUnsupported},
			"the login keychain could not be looked at, as this version of usher cannot read it; update usher."},
		{Evidence{Source: SourceSecureEnclave, Obstacle: ObstacleUnsupported, Detail: "exit code 1."},
			"the Secure Enclave could not be looked at, as Jamf Conditional Access is missing or too " +
				"old (exit code 1); update Jamf, or leave secure_enclave out of identity.sources."},
		{Evidence{Source: SourcePlatformSSO, Obstacle: ObstacleUnsupported},
			"Platform SSO could not be looked at, as macOS's program for it is missing; update macOS, or " +
				"leave platform_sso out of identity.sources."},
		{Evidence{Source: SourceJamfPro, Obstacle: ObstacleUnavailable},
			"Jamf Pro could not be looked at, as it could not be reached; usher asks again."},
		{Evidence{Source: SourcePlatformSSO, Obstacle: "perhaps"},
			"Platform SSO could not be looked at, as reading it went wrong; see the log of the user's agent."},
	} {
		if got := explain(test.blocked).sentence(); got != test.want {
			t.Errorf("%s, %s:\n got %s\nwant %s", test.blocked.Source, test.blocked.Obstacle, got, test.want)
		}
	}
}

func TestPlacesThatDifferAreNamed(t *testing.T) {
	readings := readings{}
	for device, source := range map[DeviceID]Source{"a": SourcePlatformSSO, "b": SourceSecureEnclave,
		"c": SourceLoginKeychain} {
		readings[source] = reading{verdict: usable, identity: Identity{DeviceID: device}}
	}
	var named []string
	for _, one := range devicesDiffer(readings) {
		before, _, _ := strings.Cut(one.Detail, " name ")
		named = append(named, before)
	}
	const want = "Platform SSO and the Secure Enclave, Platform SSO and the login keychain"
	if got := strings.Join(named, ", "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
