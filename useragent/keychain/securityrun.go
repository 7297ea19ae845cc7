package keychain

import (
	"context"
	"errors"
	"fmt"

	"usher.internal/internal/command"
)

// runTool returns the runner for the program, which is [command.Security].
func runTool(tool command.Command) securityRunner {
	return func(ctx context.Context, arguments ...string) ([]byte, []byte, int, error) {
		ran, err := tool.With(arguments...).Run(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, nil, 0, unanswered(ctx, tool.Path)
		case errors.Is(err, command.ErrTooMuch):
			return nil, nil, 0, err
		case err != nil:
			return nil, nil, 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return ran.Stdout, ran.Stderr, ran.ExitCode, nil
	}
}
