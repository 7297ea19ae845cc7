package keepalive

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"usher.internal/internal/config"
	"usher.internal/internal/layout"
	"usher.internal/internal/persist"
	"usher.internal/launchd"
)

// Day is long enough to see that a program is not restarted forever.
const Day = 24 * time.Hour

// RestartsAllowed is how often launchd may start a program again in an hour.
const RestartsAllowed = 10

// Helper returns usherd's job on a Mac.
func Helper(t testing.TB) Job {
	return installed(t, func(l layout.Layout) string { return l.HelperDefinition })
}

// Agent returns usher-agent's job on a Mac.
func Agent(t testing.TB) Job {
	return installed(t, func(l layout.Layout) string { return l.AgentDefinition })
}

func installed(t testing.TB, path func(layout.Layout) string) Job {
	t.Helper()
	files, err := launchd.Files(layout.MacOS)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if file.Path == path(layout.MacOS) {
			return Read(t, file.Content)
		}
	}
	t.Fatalf("there is no definition at %s", path(layout.MacOS))
	return Job{}
}

// Program returns a program with this Run and the default configuration, which never changes.
func Program(run func(context.Context, *config.Live, *slog.Logger) error) persist.Program {
	return persist.Program{
		Name:          "program",
		Open:          func() (*config.Live, error) { return config.Places{}.Open("") },
		Run:           run,
		Configuration: unchanged{},
	}
}

// unchanged watches files that never change. A real watch would wait for the kernel, which the time of testing/synctest
// does not know.
type unchanged struct{}

func (unchanged) Look() config.Look { return config.Look{} }

func (unchanged) WaitForChange(ctx context.Context, _ config.Look, pause time.Duration, _ *slog.Logger) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}
