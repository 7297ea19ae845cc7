package main

import (
	"bytes"
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
	"usher.internal/internal/trust"
	"usher.internal/launchd"
	"usher.internal/sim/keepalive"
)

// restartsAllowed is how often launchd may start a program again in an hour.
const restartsAllowed = 10

// aDay is long enough to see that a program is not started for ever.
const aDay = 24 * time.Hour

func definition(t *testing.T, path func(launchd.Layout) string) []byte {
	t.Helper()
	layout, err := launchd.LayoutOf(launchd.MacOS, launchd.ByHand)
	if err != nil {
		t.Fatal(err)
	}
	files, err := layout.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if file.Path == path(layout) {
			return file.Content
		}
	}
	t.Fatal("there is no definition")
	return nil
}

func goodConfiguration() (*config.Live, error) {
	return config.Places{}.Open("")
}

// refusals are all that usherd can be refused: by its configuration, and by what [run] does before it serves and while it does.
func refusals() map[string]daemon {
	refusing := func(err error) daemon {
		return daemon{open: goodConfiguration, run: func(context.Context, *config.Live, *slog.Logger) error { return err }}
	}
	return map[string]daemon{
		"configuration":       {open: func() (*config.Live, error) { return nil, errors.New("key is wrong") }},
		"directory of others": refusing(&trust.Error{Path: "/var/run/usher", Reason: trust.Owner, UID: 501}),
		"another usherd":      refusing(link.ErrInUse),
		"journal":             refusing(errors.New("journal written by a newer version")),
		"serves, then fails": {open: goodConfiguration, run: func(ctx context.Context, _ *config.Live, _ *slog.Logger) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Minute):
				return errors.New("accept: too many open files")
			}
		}},
	}
}

func pausing(d daemon) daemon {
	d.look = func() config.Look { return config.Look{} }
	d.wait = func(ctx context.Context, _ config.Look, pause time.Duration, _ *slog.Logger) {
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return d
}

func TestLaunchdStartsUsherdSeldomWhateverItIsRefused(t *testing.T) {
	for name, refused := range refusals() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				d := pausing(refused)
				open := d.open
				d.open = func() (*config.Live, error) { tries++; return open() }
				job := keepalive.Read(t, definition(t, func(l launchd.Layout) string { return l.HelperDefinition }))
				starts := job.Run(aDay, func(left time.Duration) int {
					ctx, cancel := context.WithTimeout(t.Context(), left)
					defer cancel()
					return d.serve(ctx, &config.LogLevel{}, slog.New(slog.DiscardHandler))
				})
				if len(starts) != 1 {
					t.Errorf("it has been started %d times", len(starts))
				}
				if hours := int(aDay / time.Hour); tries < 3*hours || tries > 10+5*hours {
					t.Errorf("it has tried %d times in a day", tries)
				}
			})
		})
	}
}

// A program that crashes, or that does not take the arguments of an older definition, is in nobody's hands but launchd's.
func TestLaunchdStartsWhatCrashesSeldom(t *testing.T) {
	for name, path := range map[string]func(launchd.Layout) string{
		"usherd":      func(l launchd.Layout) string { return l.HelperDefinition },
		"usher-agent": func(l launchd.Layout) string { return l.AgentDefinition },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				starts := keepalive.Read(t, definition(t, path)).Run(aDay, func(time.Duration) int { return 2 })
				if most := keepalive.MostInAnHour(starts); most > restartsAllowed || len(starts) < 100 {
					t.Errorf("it has been started %d times, and again %d times in an hour", len(starts), most)
				}
			})
		})
	}
}

// What usherd was refused is gone: it serves without another process.
func TestUsherdServesOnceItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		begun, served := time.Now(), time.Time{}
		d := pausing(daemon{
			open: func() (*config.Live, error) {
				if time.Since(begun) < 10*time.Minute {
					return nil, errors.New("key is wrong")
				}
				return goodConfiguration()
			},
			run: func(ctx context.Context, _ *config.Live, _ *slog.Logger) error {
				served = time.Now()
				cancel()
				<-ctx.Done()
				return nil
			},
		})
		var log bytes.Buffer
		if code := d.serve(ctx, &config.LogLevel{}, slog.New(slog.NewTextHandler(&log, nil))); code != 0 {
			t.Errorf("it ended with %d", code)
		}
		if waited := served.Sub(begun); waited < 10*time.Minute || waited > 16*time.Minute {
			t.Errorf("it served after %s", waited)
		}
		if lines := strings.Count(log.String(), "key is wrong"); lines < 3 || lines > 6 {
			t.Errorf("the log has it %d times:\n%s", lines, &log)
		}
	})
}

// Somebody who starts usherd with --config is told what is wrong, and not kept waiting.
func TestUsherdByHandEnds(t *testing.T) {
	for name, test := range map[string]struct{ code int }{"configuration": {exitConfiguration}, "another usherd": {1}} {
		d := pausing(refusals()[name])
		d.byHand = true
		if code := d.serve(t.Context(), &config.LogLevel{}, slog.New(slog.DiscardHandler)); code != test.code {
			t.Errorf("%s: it ended with %d, want %d", name, code, test.code)
		}
	}
}

// A refusal is in the log that launchd's definition names, because nobody reads standard error.
func TestRefusalOfTheConfigurationIsInTheLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "usherd.log")
	if code := start(filepath.Join(t.TempDir(), "none.yaml"), file); code != exitConfiguration {
		t.Errorf("it ended with %d", code)
	}
	if log, err := os.ReadFile(file); err != nil || !strings.Contains(string(log), "none.yaml") {
		t.Errorf("the log is %q, %v", log, err)
	}
	// A log that cannot be had keeps nobody from starting.
	if code := start(filepath.Join(t.TempDir(), "none.yaml"), t.TempDir()); code != exitConfiguration {
		t.Errorf("without a log it ended with %d", code)
	}
}
