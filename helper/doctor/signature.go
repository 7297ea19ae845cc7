package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"

	"usher.internal/helper/thismac"
	"usher.internal/internal/command"
	"usher.internal/internal/oneline"
	"usher.internal/internal/wpj"
)

// Exit codes of codesign(1).
const (
	codesignValid          = 0
	codesignInvalid        = 1
	codesignNotRequirement = 3
)

// longestSaid is how much text of codesign, Jamf Pro or an agent is shown, in characters.
const longestSaid = 300

// teamExpression finds the Team ID in the output of `codesign -dv`. It is "not set" for a signature without one.
var teamExpression = regexp.MustCompile(`(?m)^TeamIdentifier=(.+)$`)

// microsoftRequirement is the requirement that codesign(1) checks: a certificate that Apple gave to that team. The Team
// ID in the output of `codesign -dv` is only the signer's claim.
const microsoftRequirement = `=anchor apple generic and certificate leaf[subject.OU] = "` + wpj.MicrosoftTeam + `"`

// codesigner is the platform's program that verifies code signatures. It has no path on other systems.
func codesigner() command.Command {
	if runtime.GOOS == "darwin" {
		return command.CodeSign
	}
	return command.Command{}
}

// signed has codesign verify the bundle, or the program if it is not in a bundle. This takes seconds for a large
// bundle. Nobody has run this on a Mac yet: in tests, a stand-in for codesign answers.
func (p portal) signed(ctx context.Context) (Outcome, error) {
	if p.codesign.Path == "" {
		return notApplicable("Code signatures are verified only on macOS."), nil
	}
	if _, err := os.Stat(p.path); thismac.Gone(err) {
		return p.notThere(), nil
	}
	path, found := p.bundle()
	if !found {
		path = p.path
	}
	exitCode, verification, err := p.runCodesign(ctx, "--verify", "--strict", "-R", microsoftRequirement, path)
	if err != nil {
		return Outcome{}, err
	}
	_, description, err := p.runCodesign(ctx, "-dv", path)
	if err != nil {
		return Outcome{}, err
	}
	return judgeSignature(exitCode, verification, description)
}

// runCodesign returns its exit code and its output. The error says that it could not be run.
func (p portal) runCodesign(ctx context.Context, arguments ...string) (exitCode int, output string, err error) {
	ran, err := p.codesign.With(arguments...).Run(ctx)
	return ran.ExitCode, string(ran.Stdout) + string(ran.Stderr), err
}

var errCodesign = errors.New("codesign did not judge it")

// judgeSignature reads codesign's answers: the exit code and output of the verification, and the output of `codesign
// -dv`.
func judgeSignature(exitCode int, verification, description string) (Outcome, error) {
	team := "no Team ID"
	if found := teamExpression.FindStringSubmatch(description); found != nil &&
		strings.TrimSpace(found[1]) != "not set" {
		team = "Team ID " + oneline.Of(found[1], longestVersion)
	}
	switch exitCode {
	case codesignValid:
		if team != "Team ID "+wpj.MicrosoftTeam {
			// The two contradict each other, so neither is trusted.
			return Outcome{}, fmt.Errorf("%w: it accepts the signature as Microsoft's and shows %s", errCodesign, team)
		}
		return ok("The signature is valid and Microsoft's (%s).", team), nil
	case codesignNotRequirement:
		return failed("The signature is valid, but not Microsoft's: it has %s, and should have %s.", team,
			wpj.MicrosoftTeam), nil
	case codesignInvalid:
		return failed("codesign does not accept it: %s.", said(verification)), nil
	}
	return Outcome{}, fmt.Errorf("%w, exit code %d: %s", errCodesign, exitCode, said(verification))
}

// said returns output as part of a sentence.
func said(output string) string {
	if text := strings.TrimRight(oneline.Of(strings.TrimSpace(output), longestSaid), "."); text != "" {
		return text
	}
	return "it says nothing"
}
