package mac

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Programs are the paths of the built programs.
type Programs struct {
	Helper, Agent, Control   string
	Portal, Jamf, JamfProSim string
	AppSSO, JamfAgent, Dscl  string
}

// packages names the program that each package builds.
var packages = []struct {
	name, path string
	set        func(*Programs) *string
}{
	{"usherd", "usher.internal/helper", func(p *Programs) *string { return &p.Helper }},
	{"usher-agent", "usher.internal/useragent", func(p *Programs) *string { return &p.Agent }},
	{"usherctl", "usher.internal/ctl", func(p *Programs) *string { return &p.Control }},
	{"companyportal", "usher.internal/sim/companyportal", func(p *Programs) *string { return &p.Portal }},
	{"jamf", "usher.internal/sim/jamf", func(p *Programs) *string { return &p.Jamf }},
	{"appsso", "usher.internal/sim/appsso", func(p *Programs) *string { return &p.AppSSO }},
	{"dscl", "usher.internal/sim/dscl", func(p *Programs) *string { return &p.Dscl }},
	{"jamfca", "usher.internal/sim/jamfca", func(p *Programs) *string { return &p.JamfAgent }},
	{"jamfpro-sim", "usher.internal/sim/jamfpro/cmd/jamfpro-sim", func(p *Programs) *string { return &p.JamfProSim }},
}

// Build builds every program of the project into directory, with the given build tags, and returns their paths. It needs
// the Go toolchain and the project's sources in the current module.
func Build(ctx context.Context, directory, tags string) (Programs, error) {
	var programs Programs
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return programs, fmt.Errorf("build programs: %w", err)
	}
	arguments := []string{"build", "-trimpath", "-tags", tags, "-o", directory + string(filepath.Separator)}
	for _, program := range packages {
		arguments = append(arguments, program.path)
	}
	build := exec.CommandContext(ctx, "go", arguments...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return programs, fmt.Errorf("build programs: %w\n%s", err, output)
	}
	for _, program := range packages {
		*program.set(&programs) = filepath.Join(directory, program.name)
	}
	// go build names a program for the last element of its package's path.
	for built, wanted := range map[string]string{"helper": programs.Helper, "useragent": programs.Agent, "ctl": programs.Control} {
		if err := os.Rename(filepath.Join(directory, built), wanted); err != nil {
			return programs, fmt.Errorf("build programs: %w", err)
		}
	}
	return programs, nil
}
