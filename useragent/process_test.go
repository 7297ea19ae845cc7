package useragent

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
	"usher.internal/sim/keepalive"
)

// launchd starts an agent in each session: of Guest (201), of _mbsetupuser (248), and of everybody whom the helper
// refuses. None of them needs more than ten starts in an hour.
func TestLaunchdStartsTheAgentSeldomWhateverItIsRefused(t *testing.T) {
	refusedWith := func(err error) persist.Program {
		return keepalive.Program(func(context.Context, *config.Live, *slog.Logger) error { return err })
	}
	misconfigured := refusedWith(nil)
	misconfigured.Open = func() (*config.Live, error) { return nil, errors.New("key is wrong") }
	for name, test := range map[string]struct {
		program persist.Program
		// most is how often it may be started in a day, at least once.
		most int
	}{
		"session exists": {refusedWith(&link.RefusedError{Reason: link.SessionExists}), 1},
		"Guest, and others below 501": {
			refusedWith(&link.RefusedError{Reason: link.NotAPerson, Message: "uid 201 is not a person"}), 1},
		"another protocol": {refusedWith(&link.RefusedError{Reason: link.ProtocolVersion}), 1},
		// The next process may be the new one: launchd tries it, as often as it can.
		"replaced":      {refusedWith(&link.RefusedError{Reason: link.ReplacedAgent}), 240},
		"configuration": {misconfigured, 1},
		"no home":       {refusedWith(errors.New("$HOME is not defined")), 1},
		"serves": {keepalive.Program(func(ctx context.Context, _ *config.Live, _ *slog.Logger) error {
			<-ctx.Done()
			return nil
		}), 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				starts := keepalive.Agent(t).Run(keepalive.Day, func(left time.Duration) int {
					ctx, cancel := context.WithTimeout(t.Context(), left)
					defer cancel()
					return runProgram(ctx, test.program, &config.LogLevel{}, slog.New(slog.DiscardHandler))
				})
				if again := keepalive.MostInAnHour(starts); again > keepalive.RestartsAllowed ||
					len(starts) > test.most {
					t.Errorf("it has been started %d times, and again %d times in an hour", len(starts), again)
				}
			})
		})
	}
}

// A refusal is in the log that launchd's definition names: the definition has no other place for it.
func TestRefusalOfTheConfigurationIsInTheAgentsLog(t *testing.T) {
	s := newSession(t)
	file := filepath.Join(s.home, "Library/Logs/usher/usher-agent.log")
	command, output := s.start(nobody, filepath.Join(s.directory, "none.yaml"),
		"~/Library/Logs/usher/usher-agent.log")
	s.wantExit(command, output, exitConfiguration, "")
	if log, err := os.ReadFile(file); err != nil || !strings.Contains(string(log), "none.yaml") {
		t.Errorf("the log is %q, %v; standard error %q", log, err, output)
	}
	// A log that cannot be opened does not prevent an agent from starting.
	command, output = s.start(nobody, filepath.Join(s.directory, "none.yaml"), s.home)
	s.wantExit(command, output, exitConfiguration, "none.yaml")
}
