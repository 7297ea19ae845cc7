package ctl

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

	"usher.internal/ctl/terminal"
	"usher.internal/internal/config"
	"usher.internal/internal/link"
)

// Client asks usherd, and prints what it answers.
type Client struct {
	*Printer
	// ConfigFile is read in place of the platform's own configuration; "" for that.
	ConfigFile string
	// Elsewhere connects to usherd on another Mac; nil for the one of this Mac.
	Elsewhere func(context.Context) (*grpc.ClientConn, error)
}

// answerWithin is how long the helper may take to answer what it does not have to wait for itself.
const answerWithin = 10 * time.Second

func (c *Client) loadConfig() (*config.Loaded, error) {
	loaded, err := config.Load(c.ConfigFile)
	if err != nil {
		return nil, configurationInvalid(err)
	}
	return loaded, nil
}

func configurationInvalid(err error) *failure {
	return &failure{code: exitConfiguration, reason: "CONFIGURATION_INVALID", message: err.Error(),
		hint: "fix it, then run `usherctl config validate`"}
}

// helperConfig is what usherctl needs to find the helper. A configuration that is no good keeps nobody from asking a
// helper that has its last good one: that is said, and the helper is looked for where what could be read of it says.
func (c *Client) helperConfig() (*config.Loaded, error) {
	loaded, err := config.Salvage(c.ConfigFile)
	if err == nil {
		return loaded, nil
	}
	if _, missing := os.Stat(loaded.HelperSocket()); missing != nil {
		return c.loadConfig()
	}
	switch {
	case c.JSON: // the helper's own status has it
	case errors.Is(err, fs.ErrPermission): // usherd is root, and may read it
		fmt.Fprintf(c.Err, "usherctl: you may not read the configuration, so usherd is looked for where it is by "+
			"default: %s\n", terminal.Plain(err.Error()))
	default:
		fmt.Fprintf(c.Err, "usherctl: the configuration cannot be used, usherd goes on with its last good one: %s\n",
			terminal.Plain(strings.ReplaceAll(err.Error(), "\n", "; ")))
	}
	return loaded, nil
}

// connect returns a connection to the helper, of this Mac or of another one. Nothing is sent before the first call.
func (c *Client) connect(ctx context.Context) (*grpc.ClientConn, error) {
	if c.Elsewhere != nil {
		return c.Elsewhere(ctx)
	}
	loaded, err := c.helperConfig()
	if err != nil {
		return nil, err
	}
	connection, err := link.Dial(loaded.HelperSocket(), loaded.Development.HelperUID, quickRedial())
	if err != nil {
		return nil, &failure{code: exitNoHelper, reason: "HELPER_UNREACHABLE", message: err.Error(),
			hint: hintNoHelper()}
	}
	return connection, nil
}

// quickRedial has gRPC dial again soon: a helper that is being restarted is back in a moment.
func quickRedial() grpc.DialOption {
	return grpc.WithConnectParams(grpc.ConnectParams{
		Backoff: backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.5, Jitter: 0.2,
			MaxDelay: 2 * time.Second},
		MinConnectTimeout: answerWithin,
	})
}

// ask makes calls to the helper that it answers at once.
func (c *Client) ask(ctx context.Context, calls func(ctx context.Context, connection *grpc.ClientConn) error) error {
	return c.askWithin(ctx, answerWithin, calls)
}

// askWithin makes calls for which the helper may have to ask others.
func (c *Client) askWithin(ctx context.Context, limit time.Duration,
	calls func(ctx context.Context, connection *grpc.ClientConn) error) error {
	connection, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err = explained(calls(ctx, connection))
	if failed, ok := errors.AsType[*failure](err); ok && failed.reason == reasonNoAnswer {
		failed.message = fmt.Sprintf("usherd did not answer within %s", limit)
	}
	return err
}

// askQuietly makes calls to the helper for a shell that completes a line: soon, and without a word on standard error,
// where the line is.
func (c *Client) askQuietly(ctx context.Context, calls func(context.Context, *grpc.ClientConn) error) error {
	quiet, terminal := *c, *c.Terminal
	terminal.Err = io.Discard
	quiet.Printer = &Printer{Terminal: &terminal, Command: c.Command}
	return quiet.askWithin(ctx, completedWithin, calls)
}
