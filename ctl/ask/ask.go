// Package ask asks usherd. [Client] finds usherd through the configuration of this Mac, or uses a connection to another
// Mac. It makes calls within a limit, and explains in a sentence why there is no answer.
package ask

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/config"
	"usher.internal/internal/link"
)

// Client asks usherd, and prints what it answers.
type Client struct {
	*answer.Printer
	// ConfigFile is read instead of the platform's own configuration; "" for the platform's.
	ConfigFile string
	// Elsewhere connects to usherd on another Mac; nil for usherd on this one.
	Elsewhere func(context.Context) (*grpc.ClientConn, error)
}

// AnswerWithin is how long the helper may take for an answer that does not depend on others.
const AnswerWithin = 10 * time.Second

// LoadConfig reads the configuration. The error is a [*answer.Failure].
func (c *Client) LoadConfig() (*config.Loaded, error) {
	loaded, err := config.Load(c.ConfigFile)
	if err != nil {
		return nil, ConfigurationInvalid(err)
	}
	return loaded, nil
}

// ConfigurationInvalid is the failure for a configuration with errors.
func ConfigurationInvalid(err error) *answer.Failure {
	return &answer.Failure{Code: answer.ExitConfiguration, Reason: "CONFIGURATION_INVALID", Message: err.Error(),
		Hint: "fix it, then run `usherctl config validate`"}
}

// HelperConfig is what usherctl needs to find the helper. An invalid configuration does not prevent a call: the helper
// still runs with its last good one. HelperConfig says so, and uses the part of the configuration that could be read.
func (c *Client) HelperConfig() (*config.Loaded, error) {
	loaded, err := config.Salvage(c.ConfigFile)
	if err == nil {
		return loaded, nil
	}
	if _, missing := os.Stat(loaded.HelperSocket()); missing != nil {
		return c.LoadConfig()
	}
	switch {
	case c.JSON: // the helper's own status reports it
	case errors.Is(err, fs.ErrPermission): // usherd is root, and may read it
		fmt.Fprintf(c.Err, "usherctl: you may not read the configuration, so usherd is looked for where it is by "+
			"default: %s\n", terminal.Plain(err.Error()))
	default:
		fmt.Fprintf(c.Err, "usherctl: the configuration cannot be used, usherd continues with its last good one: %s\n",
			terminal.Plain(strings.ReplaceAll(err.Error(), "\n", "; ")))
	}
	return loaded, nil
}

// Connect returns a connection to the helper, of this Mac or of another one. It sends nothing before the first call.
func (c *Client) Connect(ctx context.Context) (*grpc.ClientConn, error) {
	if c.Elsewhere != nil {
		return c.Elsewhere(ctx)
	}
	loaded, err := c.HelperConfig()
	if err != nil {
		return nil, err
	}
	connection, err := link.Dial(loaded.HelperSocket(), loaded.Development.HelperUID, QuickRedial())
	if err != nil {
		return nil, &answer.Failure{Code: answer.ExitNoHelper, Reason: "HELPER_UNREACHABLE", Message: err.Error(),
			Hint: answer.HintNoHelper()}
	}
	return connection, nil
}

// QuickRedial makes gRPC dial again soon: a helper that restarts is back in a moment.
func QuickRedial() grpc.DialOption {
	return grpc.WithConnectParams(grpc.ConnectParams{
		Backoff: backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.5, Jitter: 0.2,
			MaxDelay: 2 * time.Second},
		MinConnectTimeout: AnswerWithin,
	})
}

// Ask makes calls that the helper answers at once.
func (c *Client) Ask(ctx context.Context, calls func(ctx context.Context, connection *grpc.ClientConn) error) error {
	return c.AskWithin(ctx, AnswerWithin, calls)
}

// AskWithin makes calls for which the helper may have to ask others.
func (c *Client) AskWithin(ctx context.Context, limit time.Duration,
	calls func(ctx context.Context, connection *grpc.ClientConn) error) error {
	connection, err := c.Connect(ctx)
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err = answer.Explained(calls(ctx, connection))
	if failed, ok := errors.AsType[*answer.Failure](err); ok && failed.Reason == answer.ReasonNoAnswer {
		failed.Message = fmt.Sprintf("usherd did not answer within %s", limit)
	}
	return err
}

// completedWithin is how long usherd may take to answer after the user has pressed the tab key.
const completedWithin = 2 * time.Second

// AskQuietly makes calls for a shell that completes a line. It is quick, and writes nothing to standard error, where
// the line is.
func (c *Client) AskQuietly(ctx context.Context, calls func(context.Context, *grpc.ClientConn) error) error {
	quiet, terminal := *c, *c.Terminal
	terminal.Err = io.Discard
	quiet.Printer = &answer.Printer{Terminal: &terminal, Command: c.Command}
	return quiet.AskWithin(ctx, completedWithin, calls)
}
