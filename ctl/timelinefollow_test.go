package ctl

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/terminal"
)

// A new line in a followed log is shown at once, and the verdict when the attempt has ended.
func TestTimelineFollows(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("USHER_CONFIG", filepath.Join(folder, "none.yaml"))
	log := filepath.Join(folder, "portal.log")
	add := func(lines ...string) {
		t.Helper()
		file, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = file.WriteString(strings.Join(lines, "\n") + "\n")
			err = errors.Join(err, file.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	const head = "2026-04-27 14:10:40.500 VERB com.microsoft.ssp.telemetry TID=1 A.swift: 283 (f()) Sending event " +
		"using aria: InAppProcess : {"
	add(head, "eventTitle = ADALLoginStarted;", "result = None;", "}")

	reader, writer := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	a := newApp(&terminal.Terminal{Out: &terminal.Output{To: writer}, Err: io.Discard}, "")
	ended := make(chan answer.ExitCode)
	go func() {
		code := a.run(ctx, []string{"timeline", "--follow", "--zone", "UTC", folder})
		writer.Close()
		ended <- code
	}()
	lines := bufio.NewScanner(reader)
	want := func(text string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return
			}
		}
		t.Fatalf("it ended before %q", text)
	}
	want("The sign-in began")
	add(head, "eventTitle = \"WPJ_DeviceRegistration\";", "result = Failed;", "}")
	want("Entra refused to register the device")
	add(head, "eventTitle = CompanyPortalExited;", "resultData = 66;", "}")
	want("Company Portal ended with an error: registrationDeviceCapError (66)")
	want("attempt 1: It failed after")
	stop()
	for lines.Scan() {
	}
	if code := <-ended; code != answer.ExitInterrupted {
		t.Errorf("it ended with %d", code)
	}
}
