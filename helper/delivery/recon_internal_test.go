package delivery

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A jamf that hangs is ended with all its children; the pipe that they hold shows their end.
func TestHangingReconIsEndedWithItsChildren(t *testing.T) {
	directory := t.TempDir()
	fifo, jamf := filepath.Join(directory, "fifo"), filepath.Join(directory, "jamf")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho collecting\nsh -c 'sleep 300' > " + fifo + " &\nwait\n"
	if err := os.WriteFile(jamf, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	hanging := &reconDeliverer{executable: jamf, patience: time.Second, log: slog.New(slog.DiscardHandler)}
	ended := make(chan error, 1)
	go func() { ended <- hanging.Deliver(t.Context(), Report{}) }()
	pipe, err := os.Open(fifo) // returns when the child has opened it
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	err = <-ended
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), `last line "collecting"`) {
		t.Errorf("got %v", err)
	}
	if rest, err := io.ReadAll(pipe); err != nil || len(rest) != 0 {
		t.Errorf("%q, %v", rest, err)
	}
}
