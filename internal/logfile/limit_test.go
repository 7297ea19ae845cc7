package logfile_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"usher.internal/internal/logfile"
)

// A user who makes usherd log the same message again and again does not fill the disk. Omitted records are counted, and
// records about others are logged as before.
func TestFloodOfTheLogIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var written bytes.Buffer
		log := slog.New(logfile.Limit(slog.NewTextHandler(&written, &slog.HandlerOptions{Level: slog.LevelDebug})))
		count := func(text string) int { return strings.Count(written.String(), text) }
		for range 10_000 { // for a minute and forty seconds
			time.Sleep(10 * time.Millisecond)
			log.Debug("called", "uid", 501)
			log.With("uid", 501).Info("connected")
		}
		log.Debug("called", "uid", 502)
		log.Warn("refused", "uid", 501)
		for text, most := range map[string]int{"msg=called uid=501": 201, "msg=connected": 201} {
			if got := count(text); got > most || got < 190 {
				t.Errorf("%q was logged %d times, at most %d wanted", text, got, most)
			}
		}
		if count("msg=called uid=502") != 1 || count("msg=refused") != 1 || count(logfile.NotLogged+"=99") == 0 {
			t.Errorf("other records, or the number of omitted records, are missing:\n%.2000s", written.String())
		}
		written.Reset()
		for uid := range 100_000 { // with the uids of a user's namespaces
			log.Debug("called", "uid", fmt.Sprint(1_000_000+uid))
		}
		if lines := count("\n"); lines > 1200 {
			t.Errorf("%d lines of as many uids", lines)
		}
	})
}
