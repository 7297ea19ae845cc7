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

// told is one sentence, and the fix for what it says without a capital letter and a full stop; "" where there is none.
type told struct{ detail, fix string }

func (t told) sentence() string {
	if t.fix == "" {
		return t.detail
	}
	return strings.TrimSuffix(t.detail, ".") + "; " + t.fix + "."
}

// maximumRemark is the most characters of somebody else's sentence that are passed on.
const maximumRemark = 200

// obstacles says what each obstacle is and what an admin can do about it.
var obstacles = map[Obstacle]told{
	ObstacleLocked:       {"it is locked", "have the user unlock it, or log out and in"},
	ObstacleAccessDenied: {"access to it was denied", "have the user allow usher-agent to read it"},
	ObstacleUnavailable:  {"it is not available or did not answer", "have the user log out and in"},
	ObstacleUnsupported:  {"this version of usher cannot read it", "update usher"},
	ObstacleFailed:       {"reading it went wrong", "see the log of the user's agent"},
	ObstacleNoSession: {"the user is not logged in, or usher-agent does not run in his session",
		"have the user log in"},
}

// elsewhere says what an obstacle is of a source for which it is something else.
var elsewhere = map[Source]map[Obstacle]told{
	// These are seen through programs that are missing, or too old to be asked.
	SourcePlatformSSO: {
		ObstacleUnsupported: {"macOS's program that tells of it is missing",
			"update macOS, or leave platform_sso out of identity.sources"},
	},
	SourceSecureEnclave: {
		ObstacleUnsupported: {"Jamf Conditional Access, which tells of it, is missing or too old",
			"update Jamf, or leave secure_enclave out of identity.sources"},
	},
	SourceJamfPro: {
		ObstacleAccessDenied: {"the API client may not read device compliance", "give its role the privilege"},
		ObstacleUnavailable:  {"it could not be reached", "usher asks again"},
		ObstacleFailed:       {"it gave no usable answer", "see usherd's log"},
	},
}

// explain is how a sentence about a source that could not be looked at ends, and what helps.
func explain(blocked Evidence) told {
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
	return told{text + ".", obstacle.fix}
}

// notKnown is what is said of a source that could not be looked at.
func notKnown(blocked Evidence) told {
	why := explain(blocked)
	return told{"Whether this Mac is registered is not known: " + why.detail, why.fix}
}

// quoteRemark makes what an agent wrote fit into a sentence: it is a user's claim and may be anything.
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

// withArticle names a source within a sentence: the places have an article, and what has a name of its own has none.
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
