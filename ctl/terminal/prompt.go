package terminal

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
)

// Confirmed asks a person, and takes only y and yes for consent. When ctx ends, as by Ctrl-C, it returns ctx's error;
// the goroutine that reads the terminal then remains until the process ends.
func Confirmed(ctx context.Context, from io.Reader, to io.Writer, question string) (bool, error) {
	fmt.Fprintf(to, "\n%s [y/N] ", Plain(question))
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(from).ReadString('\n') // input that ends without a line is no consent
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
