package helper

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"usher.internal/internal/config"
	"usher.internal/internal/link"
	"usher.internal/internal/persist"
	"usher.internal/internal/trust"
	"usher.internal/sim/keepalive"
)

// refusals are all that usherd can be refused: by its configuration, and by what [run] does before it serves and while
// it does.
func refusals() map[string]persist.Program {
	refusing := func(err error) persist.Program {
		return keepalive.Program(func(context.Context, *config.Live, *slog.Logger) error { return err })
	}
	misconfigured := refusing(nil)
	misconfigured.Open = func() (*config.Live, error) { return nil, errors.New("key is wrong") }
	return map[string]persist.Program{
		"configuration":       misconfigured,
		"directory of others": refusing(&trust.Error{Path: "/var/run/usher", Reason: trust.Owner, UID: 501}),
		"another usherd":      refusing(link.ErrInUse),
		"journal":             refusing(errors.New("journal written by a newer version")),
		"serves, then fails": keepalive.Program(func(ctx context.Context, _ *config.Live, _ *slog.Logger) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Minute):
				return errors.New("accept: too many open files")
			}
		}),
	}
}

func TestLaunchdStartsUsherdSeldomWhateverItIsRefused(t *testing.T) {
	for name, program := range refusals() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				open := program.Open
				program.Open = func() (*config.Live, error) { tries++; return open() }
				starts := keepalive.Helper(t).Run(keepalive.Day, func(left time.Duration) int {
					ctx, cancel := context.WithTimeout(t.Context(), left)
					defer cancel()
					return serve(ctx, program, &config.LogLevel{}, slog.New(slog.DiscardHandler))
				})
				if len(starts) != 1 {
					t.Errorf("it has been started %d times", len(starts))
				}
				if hours := int(keepalive.Day / time.Hour); tries < 3*hours || tries > 10+5*hours {
					t.Errorf("it has tried %d times in a day", tries)
				}
			})
		})
	}
}

// A program that crashes, or that does not take the arguments of an older definition, is in nobody's hands but
// launchd's.
func TestLaunchdStartsWhatCrashesSeldom(t *testing.T) {
	for name, job := range map[string]keepalive.Job{"usherd": keepalive.Helper(t), "usher-agent": keepalive.Agent(t)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				starts := job.Run(keepalive.Day, func(time.Duration) int { return 2 })
				if most := keepalive.MostInAnHour(starts); most > keepalive.RestartsAllowed || len(starts) < 100 {
					t.Errorf("it has been started %d times, and again %d times in an hour", len(starts), most)
				}
			})
		})
	}
}

// Somebody who starts usherd with --config is told what is wrong, and not kept waiting.
func TestUsherdByHandEnds(t *testing.T) {
	for name, test := range map[string]struct{ code int }{"configuration": {exitConfiguration}, "another usherd": {1}} {
		program := refusals()[name]
		program.ByHand = true
		if code := serve(t.Context(), program, &config.LogLevel{}, slog.New(slog.DiscardHandler)); code != test.code {
			t.Errorf("%s: it ended with %d, want %d", name, code, test.code)
		}
	}
}

// A refusal is in the log that launchd's definition names, because nobody reads standard error.
func TestRefusalOfTheConfigurationIsInTheLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "usherd.log")
	if code := Start(t.Context(), filepath.Join(t.TempDir(), "none.yaml"), file); code != exitConfiguration {
		t.Errorf("it ended with %d", code)
	}
	if log, err := os.ReadFile(file); err != nil || !strings.Contains(string(log), "none.yaml") {
		t.Errorf("the log is %q, %v", log, err)
	}
	// A log that cannot be had keeps nobody from starting.
	if code := Start(t.Context(), filepath.Join(t.TempDir(), "none.yaml"), t.TempDir()); code != exitConfiguration {
		t.Errorf("without a log it ended with %d", code)
	}
}
