package registration

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The time of a call's end shows whose deadline ended it.
func TestDeadlineThatTheAgentEchoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waiting, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		late := fmt.Errorf("read identity: %w", status.Error(codes.DeadlineExceeded, "stream terminated"))
		if isOver(waiting, late) {
			t.Error("four seconds before the end an agent's own deadline is an answer")
		}
		time.Sleep(4*time.Second - time.Millisecond) // synctest's clock
		if !isOver(waiting, late) || isOver(waiting, errors.New("broken")) || isOver(t.Context(), late) {
			t.Error("in the last moment the deadline is ours, and nothing else is")
		}
		<-waiting.Done()
		if !isOver(waiting, errors.New("broken")) {
			t.Error("it is over")
		}
	})
}
