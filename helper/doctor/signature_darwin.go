package doctor

import (
	"context"
	"os"

	"usher.internal/internal/command"
)

// microsoftRequirement is what codesign(1) is to hold the signature to: a certificate that Apple gave to that team. The Team ID
// that `codesign -dv` shows is the signer's own word.
const microsoftRequirement = `=anchor apple generic and certificate leaf[subject.OU] = "` + microsoftTeam + `"`

// signed has codesign verify the bundle, or the program where it is in none. It takes seconds for a large bundle. This was not
// run on a Mac yet.
func (p portal) signed(ctx context.Context) (Finding, error) {
	if _, err := os.Stat(p.path); gone(err) {
		return p.notThere(), nil
	}
	path, found := p.bundle()
	if !found {
		path = p.path
	}
	exitCode, verification, err := runCodesign(ctx, "--verify", "--strict", "-R", microsoftRequirement, path)
	if err != nil {
		return Finding{}, err
	}
	_, description, err := runCodesign(ctx, "-dv", path)
	if err != nil {
		return Finding{}, err
	}
	return judgeSignature(exitCode, verification, description)
}

// runCodesign returns its exit code and what it said; the error is that it could not be run.
func runCodesign(ctx context.Context, arguments ...string) (exitCode int, output string, err error) {
	ran, err := command.CodeSign.With(arguments...).Run(ctx)
	return ran.ExitCode, string(ran.Stdout) + string(ran.Stderr), err
}
