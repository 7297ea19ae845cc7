package doctor

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"usher.internal/internal/oneline"
)

// microsoftTeam is the Team ID that Microsoft signs Company Portal with [MB-CLEAN][MS-SSOTS].
const microsoftTeam = "UBF8T346G9"

// What codesign(1) exits with.
const (
	codesignValid          = 0
	codesignInvalid        = 1
	codesignNotRequirement = 3
)

// longestSaid is how much of what codesign, Jamf Pro or an agent says is shown, in characters.
const longestSaid = 300

// teamExpression finds the Team ID in what `codesign -dv` says; "not set" is what it says of a signature without one.
var teamExpression = regexp.MustCompile(`(?m)^TeamIdentifier=(.+)$`)

var errCodesign = errors.New("codesign did not judge it")

// judgeSignature reads what codesign came to: the exit code and output of the verification, and what `codesign -dv` said.
func judgeSignature(exitCode int, verification, description string) (Finding, error) {
	team := "no Team ID"
	if found := teamExpression.FindStringSubmatch(description); found != nil && strings.TrimSpace(found[1]) != "not set" {
		team = "Team ID " + oneline.Of(found[1], longestVersion)
	}
	switch exitCode {
	case codesignValid:
		if team != "Team ID "+microsoftTeam {
			// The two contradict each other, so neither is believed.
			return Finding{}, fmt.Errorf("%w: it accepts the signature as Microsoft's and shows %s", errCodesign, team)
		}
		return ok("The signature is valid and Microsoft's (%s).", team), nil
	case codesignNotRequirement:
		return failed("The signature is valid, but not Microsoft's: it has %s, and should have %s.", team, microsoftTeam), nil
	case codesignInvalid:
		return failed("codesign does not accept it: %s.", said(verification)), nil
	}
	return Finding{}, fmt.Errorf("%w, exit code %d: %s", errCodesign, exitCode, said(verification))
}

// said is output as part of a sentence.
func said(output string) string {
	if text := strings.TrimRight(oneline.Of(strings.TrimSpace(output), longestSaid), "."); text != "" {
		return text
	}
	return "it says nothing"
}
