package laststatus_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"usher.internal/internal/laststatus"
	usherv1 "usher.internal/proto/usher/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func statusOf(name string) *usherv1.GetStatusResponse {
	return &usherv1.GetStatusResponse{Helper: &usherv1.HelperStatus{Version: "1.0.0"},
		Users: []*usherv1.UserStatus{{User: &usherv1.User{Name: name, Uid: 501}}}}
}

func keep(t *testing.T, directory string, log *bytes.Buffer, statuses ...*usherv1.GetStatusResponse) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	sent := make(chan struct{})
	go func() {
		ended <- laststatus.Keep(ctx, source{statuses, sent}, directory, slog.New(slog.NewTextHandler(log, nil)))
	}()
	<-sent
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// source sends these, and closes sent then.
type source struct {
	statuses []*usherv1.GetStatusResponse
	sent     chan struct{}
}

func (s source) WatchStatus(ctx context.Context, send func(*usherv1.GetStatusResponse) error) error {
	for _, one := range s.statuses {
		if err := send(one); err != nil {
			return err
		}
	}
	close(s.sent)
	<-ctx.Done()
	return ctx.Err()
}

func TestLastStatusIsKept(t *testing.T) {
	directory := t.TempDir()
	keep(t, directory, &bytes.Buffer{}, statusOf("jane"), statusOf("john"))
	got, age, err := laststatus.Read(directory, time.Now())
	if err != nil || !proto.Equal(got, statusOf("john")) || age > time.Minute {
		t.Errorf("%v, %s, %v", got, age, err)
	}
	files, err := os.ReadDir(directory)
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	if info, err := files[0].Info(); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, age, err := laststatus.Read(directory, time.Now().Add(25*time.Hour)); !errors.Is(err, laststatus.ErrTooOld) ||
		age < laststatus.Oldest {
		t.Errorf("after 25 hours: %s, %v", age, err)
	}
	// usherd confirms the status when it ends.
	yesterday := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(filepath.Join(directory, "status.last.json"), yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	keep(t, directory, &bytes.Buffer{})
	if _, age, err := laststatus.Read(directory, time.Now()); err != nil || age > time.Minute {
		t.Errorf("after usherd has confirmed it: %s, %v", age, err)
	}
	// The clock was set back.
	if _, age, err := laststatus.Read(directory, time.Now().Add(-time.Hour)); err != nil || age != 0 {
		t.Errorf("before it was written: %s, %v", age, err)
	}
}

func TestWhatIsNoStatus(t *testing.T) {
	directory := t.TempDir()
	if _, _, err := laststatus.Read(directory, time.Now()); err == nil {
		t.Error("a status without a file")
	}
	keep(t, directory, &bytes.Buffer{}, statusOf("jane"))
	file := filepath.Join(directory, "status.last.json")
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := laststatus.Read(directory, time.Now()); err == nil {
		t.Error("a file that everybody can read is accepted")
	}
	for _, content := range []string{"{", "{}", `{"users":[{},{}]}`} {
		if err := errors.Join(os.WriteFile(file, []byte(content), 0o600), os.Chmod(file, 0o600)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := laststatus.Read(directory, time.Now()); err == nil {
			t.Errorf("%s is accepted as a status", content)
		}
	}
}

// A full disk is logged once and stops nothing.
func TestStatusThatCannotBeKept(t *testing.T) {
	var log bytes.Buffer
	keep(t, filepath.Join(t.TempDir(), "none"), &log, statusOf("jane"), statusOf("john"))
	if lines := strings.Count(log.String(), "the last status cannot be saved"); lines != 1 {
		t.Errorf("%d times in the log:\n%s", lines, &log)
	}
}
