package mac

import (
	"context"
	"debug/macho"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// Programs are the paths of the built programs.
type Programs struct {
	Helper, Agent, Control   string
	Portal, Jamf, JamfProSim string
	AppSSO, JamfAgent, Dscl  string
	// Loader runs the programs of macOS among them (sim/darwin); "" if there are none.
	Loader string
	// Environment, NAME=value, is added to that of each program.
	Environment []string
}

// Command is a command that runs a program, with the loader for one of macOS.
func (p Programs) Command(ctx context.Context, program string, arguments ...string) *exec.Cmd {
	if p.Loader != "" && isMachO(program) {
		program, arguments = p.Loader, append([]string{program}, arguments...)
	}
	return exec.CommandContext(ctx, program, arguments...)
}

// isMachO reports whether a program is one of macOS, by the first bytes of its file (mach-o/loader.h, and Go's
// debug/macho).
func isMachO(program string) bool {
	file, err := os.Open(program)
	if err != nil {
		return false
	}
	defer file.Close()
	magic := make([]byte, 4)
	_, err = io.ReadFull(file, magic)
	return err == nil && binary.LittleEndian.Uint32(magic) == macho.Magic64
}

// packages names the program that each package builds.
var packages = []struct {
	name, path string
	set        func(*Programs) *string
}{
	{"usherd", "usher.internal/cmd/usherd", func(p *Programs) *string { return &p.Helper }},
	{"usher-agent", "usher.internal/cmd/usher-agent", func(p *Programs) *string { return &p.Agent }},
	{"usherctl", "usher.internal/cmd/usherctl", func(p *Programs) *string { return &p.Control }},
	{"companyportal", "usher.internal/sim/companyportal", func(p *Programs) *string { return &p.Portal }},
	{"jamf", "usher.internal/sim/jamf", func(p *Programs) *string { return &p.Jamf }},
	{"appsso", "usher.internal/sim/appsso", func(p *Programs) *string { return &p.AppSSO }},
	{"dscl", "usher.internal/sim/dscl", func(p *Programs) *string { return &p.Dscl }},
	{"jamfca", "usher.internal/sim/jamfca", func(p *Programs) *string { return &p.JamfAgent }},
	{"jamfpro-sim", "usher.internal/sim/jamfpro/cmd/jamfpro-sim", func(p *Programs) *string { return &p.JamfProSim }},
}

// Build builds every program of the project into directory, with the given build tags, and returns their paths. It
// needs the Go toolchain and the project's sources in the current module.
func Build(ctx context.Context, directory, tags string) (Programs, error) {
	var programs Programs
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return programs, fmt.Errorf("build programs: %w", err)
	}
	arguments := []string{"build", "-trimpath", "-tags", tags, "-o", directory + string(filepath.Separator)}
	for _, program := range packages {
		arguments = append(arguments, program.path)
	}
	if err := build(ctx, arguments, "CGO_ENABLED=0"); err != nil {
		return programs, err
	}
	for _, program := range packages {
		*program.set(&programs) = filepath.Join(directory, program.name)
	}
	return programs, nil
}

// BuildForMacOS is [Build] with usherd, usher-agent and usherctl for macOS (darwin/amd64), which loader runs here.
// Their keychains are files: a Mac for them has [Options.FileKeychain]. The flags are further ones of go build, for
// these three.
func BuildForMacOS(ctx context.Context, directory, tags, loader string, flags ...string) (Programs, error) {
	programs, err := Build(ctx, directory, tags)
	if err != nil {
		return programs, err
	}
	programs.Loader = loader
	for _, program := range []struct{ path, pkg string }{
		{programs.Helper, "usher.internal/cmd/usherd"}, {programs.Agent, "usher.internal/cmd/usher-agent"},
		{programs.Control, "usher.internal/cmd/usherctl"},
	} {
		arguments := append([]string{"build", "-trimpath", "-tags", tags + ",simkeychain", "-o", program.path},
			flags...)
		if err := build(ctx, append(arguments, program.pkg), "CGO_ENABLED=0", "GOOS=darwin", "GOARCH=amd64"); err !=
			nil {
			return programs, err
		}
	}
	return programs, nil
}

func build(ctx context.Context, arguments []string, environment ...string) error {
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Env = append(os.Environ(), environment...)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build programs: %w\n%s", err, output)
	}
	return nil
}
