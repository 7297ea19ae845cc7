package doctor

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"
)

// connectTimeout is how long the endpoints, asked side by side, may take to answer.
const connectTimeout = 5 * time.Second

// endpoints looks for a way to Microsoft's registration service.
type endpoints struct {
	addresses []string
	dial      func(ctx context.Context, network, address string) (net.Conn, error)
}

// reachable connects to all endpoints side by side and is content with the first that answers. It waits for its
// goroutines, which end when it has an answer.
func (e endpoints) reachable(ctx context.Context) (Finding, error) {
	if len(e.addresses) == 0 {
		return notApplicable("preflight.endpoints is empty."), nil
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	type answer struct {
		index int
		err   error
	}
	answers := make(chan answer)
	for i, address := range e.addresses {
		go func() {
			connection, err := e.dial(ctx, "tcp", address)
			if err == nil {
				connection.Close()
			}
			answers <- answer{i, err}
		}()
	}
	errs := make([]error, len(e.addresses))
	reached := ""
	for range e.addresses {
		answer := <-answers
		errs[answer.index] = answer.err
		if answer.err == nil && reached == "" {
			reached = e.addresses[answer.index]
			cancel() // the others need not go on
		}
	}
	if reached != "" {
		return ok("%s accepts connections.", reached), nil
	}
	seen := make([]string, len(errs))
	for i, err := range errs {
		seen[i] = fmt.Sprintf("%s: %v", e.addresses[i], err)
	}
	return failed("None of the endpoints can be reached (%s).", strings.Join(seen, "; ")), nil
}
