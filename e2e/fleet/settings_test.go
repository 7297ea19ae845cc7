package fleet_test

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"usher.internal/ctl/fleetsetup"
	"usher.internal/helper/reporter"
)

// A Mac that ends before its start ends.
func TestMacEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	over := make(chan struct{})
	go func() {
		defer close(over)
		for range 200 {
			one := reporter.New(reporter.Config{Settings: func() reporter.Settings { return reporter.Settings{} },
				Logger: slog.New(slog.DiscardHandler)})
			if err := one.Run(ended, nil); err != nil {
				t.Error(err)
			}
		}
	}()
	select {
	case <-over:
	case <-time.After(within):
		t.Fatal("a Mac whose context has ended still runs")
	}
}

// A change outside the fleet's part of the configuration makes no Mac connect again; other credentials do.
func TestOtherSettingsAloneConnectAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	mac := w.macs(1)[0]
	connections := func() int { return strings.Count(mac.log.String(), "connected to the fleet") }
	since := mac.State().GetSince().AsTime()
	for range 3 {
		mac.SettingsChanged()
	}
	// The watch of its files has seen that change once it has seen a later one.
	renewed := t.TempDir()
	_, err := fleetsetup.CredentialsFor(w.Directory, []string{mac.name}, renewed, time.Hour)
	w.must(err)
	if connections() != 1 || !mac.State().GetSince().AsTime().Equal(since) {
		t.Errorf("it has connected again: %s", mac.log)
	}
	w.must(os.Rename(renewed+"/"+mac.name+".creds", mac.access.CredentialsFile))
	w.eventually("it connects with its new credentials", func() bool { return connections() == 2 && mac.connected() })
	settings := *mac.settings.Load()
	settings.PersonalData = false
	mac.settings.Store(&settings)
	mac.SettingsChanged()
	w.eventually("it connects with its new settings", func() bool { return connections() == 3 && mac.connected() })
}
