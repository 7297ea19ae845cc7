package persist_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"usher.internal/internal/config"
	"usher.internal/internal/persist"
	"usher.internal/sim/keepalive"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errRefused = errors.New("refused")

func serve(ctx context.Context, program persist.Program) error {
	return program.Serve(ctx, &config.LogLevel{}, slog.New(slog.DiscardHandler))
}

func TestPausesGrowToTheLongestOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		begun := time.Now()
		var tries []time.Duration
		err := serve(ctx, keepalive.Program(func(context.Context, *config.Live, *slog.Logger) error {
			tries = append(tries, time.Since(begun))
			return errRefused
		}))
		want := []time.Duration{0, time.Minute, 3 * time.Minute, 7 * time.Minute, 15 * time.Minute, 30 * time.Minute,
			45 * time.Minute, time.Hour}
		if err != nil || len(tries) < len(want) || !slices.Equal(tries[:len(want)], want) {
			t.Errorf("%v, tried after %v", err, tries)
		}
	})
}

// A failure after a long run begins with the shortest pause.
func TestPausesBeginAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		var failed time.Time
		err := serve(t.Context(), keepalive.Program(func(context.Context, *config.Live, *slog.Logger) error {
			switch tries++; tries {
			case 4:
				time.Sleep(persist.LongestPause)
				failed = time.Now()
			case 5:
				return nil
			}
			return errRefused
		}))
		if pause := time.Since(failed); err != nil || pause != persist.FirstPause {
			t.Errorf("%v, last pause %s", err, pause)
		}
	})
}

// The cause of a refusal disappears. The program serves in the same process, and the log seldom says what it waits for.
func TestServesOnceItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		begun, served := time.Now(), time.Time{}
		program := keepalive.Program(func(ctx context.Context, _ *config.Live, _ *slog.Logger) error {
			served = time.Now()
			cancel()
			<-ctx.Done()
			return ctx.Err()
		})
		good := program.Open
		program.Open = func() (*config.Live, error) {
			if time.Since(begun) < 10*time.Minute {
				return nil, errors.New("key is wrong")
			}
			return good()
		}
		var log bytes.Buffer
		if err := program.Serve(ctx, &config.LogLevel{}, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
			t.Error(err)
		}
		if waited := served.Sub(begun); waited < 10*time.Minute || waited > 16*time.Minute {
			t.Errorf("served after %s", waited)
		}
		if lines := strings.Count(log.String(), "key is wrong"); lines < 3 || lines > 6 {
			t.Errorf("%d times in the log:\n%s", lines, &log)
		}
	})
}

func TestErrorThatLastsEndsIt(t *testing.T) {
	program := keepalive.Program(func(context.Context, *config.Live, *slog.Logger) error { return errRefused })
	program.Lasts = func(err error) bool { return err == errRefused }
	if err := serve(t.Context(), program); err != errRefused {
		t.Errorf("got %v", err)
	}
}

// With ByHand the program ends with the reason and does not wait.
func TestAnyErrorEndsItByHand(t *testing.T) {
	program := keepalive.Program(func(context.Context, *config.Live, *slog.Logger) error { return errRefused })
	program.ByHand = true
	if err := serve(t.Context(), program); err != errRefused {
		t.Errorf("got %v", err)
	}
	program.Open = func() (*config.Live, error) { return nil, errRefused }
	if _, configuration := errors.AsType[*persist.ConfigurationError](serve(t.Context(), program)); !configuration {
		t.Error("the error does not say that the configuration is wrong")
	}
}
