package interruptible

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
)

// usherctl can end while standard input has no more data.
func TestStandardInputIsInterruptible(t *testing.T) {
	for _, what := range []string{"text", "nothing"} {
		from, to, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		input, release, err := Input(ctx, from)
		if err != nil {
			t.Fatal(err)
		}
		buffer := make([]byte, 100)
		if what == "text" {
			if _, err := io.WriteString(to, what); err != nil {
				t.Fatal(err)
			}
			if n, err := input.Read(buffer); err != nil || string(buffer[:n]) != what {
				t.Errorf("read %q, %v", buffer[:n], err)
			}
		}
		ended := make(chan error)
		go func() {
			_, err := input.Read(buffer)
			ended <- err
		}()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: it ended with %v", what, err)
		}
		release()
		if err := errors.Join(from.Close(), to.Close()); err != nil {
			t.Error(err)
		}
	}
}
