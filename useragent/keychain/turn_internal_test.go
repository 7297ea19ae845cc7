package keychain

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestInTurnReturnsWhatTheWorkComesTo(t *testing.T) {
	turn, boom := make(chan struct{}, 1), errors.New("boom")
	if got, err := inTurn(t.Context(), turn, "nobody", func() (int, error) { return 7, boom }); got != 7 ||
		!errors.Is(err, boom) {
		t.Errorf("got %d, %v", got, err)
	}
}

// Work that hangs keeps its turn, so no other work begins beside it. It gives the turn back when it ends after all.
func TestInTurnEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turn, release, begun := make(chan struct{}, 1), make(chan struct{}), 0
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			begin := time.Now()
			_, err := inTurn(ctx, turn, "the keychain", func() (int, error) {
				begun++
				<-release
				return 7, nil
			})
			if took := time.Since(begin); took != time.Second || !errors.Is(err, ErrUnavailable) ||
				!errors.Is(err, context.DeadlineExceeded) ||
				!strings.Contains(err.Error(), "the keychain did not answer") {
				t.Errorf("after %s: %v", took, err)
			}
			cancel()
		}
		close(release)
		if got, err := inTurn(t.Context(), turn, "the keychain", func() (int, error) { return 8, nil }); got != 8 ||
			err != nil {
			t.Errorf("afterwards: %d, %v", got, err)
		}
		if begun != 1 {
			t.Errorf("begun %d times", begun)
		}
	})
}
