package wpj

import (
	"fmt"
	"strings"
	"time"

	"usher.internal/internal/oneline"
)

// registerAgain is the fix for everything that cannot be used as it is.
const registerAgain = "remove the Workplace Join items from it and register again"

// updateUsher is the fix for a certificate that usher cannot read.
const updateUsher = "update usher, and report it if that does not help"

// statement is one sentence, and its fix without a capital letter and a full stop. The fix is "" if there is none.
type statement struct{ detail, fix string }

func (s statement) sentence() string {
	if s.fix == "" {
		return s.detail
	}
	return strings.TrimSuffix(s.detail, ".") + "; " + s.fix + "."
}

// maximumRemark is how much of somebody else's sentence is passed on, in characters.
const maximumRemark = 200

// obstacles has a description of each obstacle, and what an admin can do about it.
var obstacles = map[Obstacle]statement{
	ObstacleLocked:       {"it is locked", "have the user unlock it, or log out and in"},
	ObstacleAccessDenied: {"access to it was denied", "have the user allow usher-agent to read it"},
	ObstacleUnavailable:  {"it is not available or did not answer", "have the user log out and in"},
	ObstacleUnsupported:  {"this version of usher cannot read it", "update usher"},
	ObstacleFailed:       {"reading it went wrong", "see the log of the user's agent"},
	ObstacleNoSession: {"the user is not logged in, or usher-agent does not run in their session",
		"have the user log in"},
}

// elsewhere has the descriptions of obstacles that differ for a source.
var elsewhere = map[Source]map[Obstacle]statement{
	// usher sees these through programs that may be missing or too old.
	SourcePlatformSSO: {
		ObstacleUnsupported: {"macOS's program for it is missing",
			"update macOS, or leave platform_sso out of identity.sources"},
	},
	SourceSecureEnclave: {
		ObstacleUnsupported: {"Jamf Conditional Access is missing or too old",
			"update Jamf, or leave secure_enclave out of identity.sources"},
	},
	SourceJamfPro: {
		ObstacleAccessDenied: {"the API client may not read device compliance", "give its role the privilege"},
		ObstacleUnavailable:  {"it could not be reached", "usher asks again"},
		ObstacleFailed:       {"it gave no usable answer", "see usherd's log"},
	},
}

// explain returns the end of a sentence about a source that could not be looked at, and the fix.
func explain(blocked Evidence) statement {
	obstacle, known := obstacles[blocked.Obstacle]
	if other, special := elsewhere[blocked.Source][blocked.Obstacle]; special {
		obstacle = other
	} else if !known {
		obstacle = obstacles[ObstacleFailed]
	}
	text := fmt.Sprintf("%s could not be looked at, as %s", withArticle(blocked.Source), obstacle.detail)
	if remark := quoteRemark(blocked.Detail); remark != "" {
		text += " (" + remark + ")"
	}
	return statement{text + ".", obstacle.fix}
}

// notKnown is the sentence about a source that could not be looked at.
func notKnown(blocked Evidence) statement {
	why := explain(blocked)
	return statement{"Whether this Mac is registered is not known: " + why.detail, why.fix}
}

// quoteRemark makes an agent's text fit into a sentence. The text is a user's claim and may be anything.
func quoteRemark(detail string) string {
	return oneline.Of(strings.TrimRight(strings.TrimSpace(detail), "."), maximumRemark)
}

// placeOf names a source, also one that this version does not know.
func placeOf(source Source) string {
	if source == "" {
		return "user's session"
	}
	return string(source)
}

// withArticle names a source within a sentence. Places have an article, and proper names have none.
func withArticle(source Source) string {
	switch source {
	case SourcePlatformSSO, SourceJamfAgent, SourceJamfSettings, SourcePortal, SourceJamfPro:
		return string(source)
	}
	return "the " + placeOf(source)
}

func tenantName(tenant TenantID) string {
	if tenant == "" {
		return "an unknown tenant"
	}
	return "tenant " + string(tenant)
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
