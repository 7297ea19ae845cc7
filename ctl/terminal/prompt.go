package terminal

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
)

// Confirmed asks a person, and takes nothing but y and yes for consent. When ctx ends, as by Ctrl-C, it returns ctx's
// error; who waits for the terminal then is left to the end of the process.
func Confirmed(ctx context.Context, from io.Reader, to io.Writer, question string) (bool, error) {
	fmt.Fprintf(to, "\n%s [y/N] ", Plain(question))
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(from).ReadString('\n') // an end without a line consents to nothing
		lines <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case line := <-lines:
		return line == "y" || line == "yes", nil
	case <-ctx.Done():
		fmt.Fprintln(to)
		return false, ctx.Err()
	}
}
