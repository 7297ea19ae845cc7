package identity

import (
	"context"

	"usher.internal/internal/command"
	"usher.internal/internal/platformsso"
	"usher.internal/internal/wpj"
)

// PlatformSSO returns the source that asks macOS for the user's state in Platform SSO. The program is [command.AppSSO].
func PlatformSSO(program command.Command) Source {
	return &reported{wpj.SourcePlatformSSO, program, func(output command.Output) (wpj.Evidence, error) {
		report, err := platformsso.Parse(output.Stdout)
		if err != nil {
			return wpj.Evidence{}, err
		}
		return report.Evidence(), nil
	}}
}

// reported is a source whose evidence comes from a program.
type reported struct {
	source  wpj.Source
	program command.Command
	read    func(command.Output) (wpj.Evidence, error)
}

func (s *reported) Place() wpj.Source { return s.source }

func (s *reported) Look(ctx context.Context) wpj.Evidence {
	ran, err := s.program.Within(Deadline).Run(ctx)
	var evidence wpj.Evidence
	if err == nil {
		evidence, err = s.read(ran)
	}
	return seen(s.source, evidence, err)
}
