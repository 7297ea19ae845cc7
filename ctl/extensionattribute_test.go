package ctl

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/attribute"
	"usher.internal/internal/attribute/attributetest"
	"usher.internal/internal/link"
	usherv1 "usher.internal/proto/usher/v1"
)

// statusOf answers with the given users.
type statusOf struct {
	usherv1.UnimplementedStatusServiceServer
	users atomic.Pointer[[]*usherv1.UserStatus]
}

func (s *statusOf) GetStatus(context.Context, *usherv1.GetStatusRequest) (*usherv1.GetStatusResponse, error) {
	return &usherv1.GetStatusResponse{Helper: &usherv1.HelperStatus{Version: "1"}, Users: *s.users.Load()}, nil
}

// For every state, each attribute is printed with the value that mode api writes (helper/delivery,
// TestWhatIsWrittenToJamfPro).
func TestWhatExtensionAttributesPrint(t *testing.T) {
	directory := t.TempDir()
	configuration := filepath.Join(directory, "usher.yaml")
	settings := fmt.Sprintf("socket_directory: %s\nstate_directory: %[1]s\ndevelopment.helper_uid: %d\n", directory,
		os.Getuid())
	if err := os.WriteFile(configuration, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(directory, "helper.sock"))
	if err != nil {
		t.Fatal(err)
	}
	helper, server := &statusOf{}, grpc.NewServer(grpc.Creds(link.ServerCredentials()))
	usherv1.RegisterStatusServiceServer(server, helper)
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-done })
	for name, users := range attributetest.States() {
		helper.users.Store(&users)
		for _, one := range attribute.Table() {
			var printed, aside bytes.Buffer
			a := newApp(&terminal.Terminal{Out: &terminal.Output{To: &printed}, Err: &aside}, configuration)
			code := a.run(t.Context(), []string{"ea", one.Key})
			if want := "<result>" + one.Value(attribute.Of(users)) + "</result>\n"; code != answer.ExitDone ||
				printed.String() != want || aside.Len() > 0 {
				t.Errorf("%s: %s prints %q and %q, and ends with %d; want %q", name, one.Key, printed.String(),
					aside.String(), code, want)
			}
		}
	}
}
