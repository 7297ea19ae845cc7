package useragent

import (
	"context"
	"fmt"

	"usher.internal/internal/command"
)

// activateWith returns a function that runs program, if the configuration wants it.
func activateWith(program command.Command, wanted func() bool) func(context.Context) error {
	return func(ctx context.Context) error {
		if !wanted() {
			return nil
		}
		output, err := program.Run(ctx)
		if err == nil && output.ExitCode != 0 {
			err = fmt.Errorf("run %s: it ended with %d", program.Path, output.ExitCode)
		}
		return err
	}
}
