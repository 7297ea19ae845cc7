package link

import (
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"usher.internal/internal/oneline"
)

// The hello is the one line that the helper writes on a connection to agent.sock before gRPC begins there:
//
//	usher-link/1 accepted
//	usher-link/1 refused REASON MESSAGE
//
// It lets an agent know why it was refused, and lets two incompatible versions detect that.
const (
	helloProtocol    = "usher-link/1"
	helloPrefix      = "usher-link/"
	helloMaximum     = 512
	helloWriteWithin = 5 * time.Second
	helloReadWithin  = 20 * time.Second
)

// writeHello sends the agent the decision; a nil refusal accepts it.
func writeHello(connection net.Conn, refusal *RefusedError) error {
	line := helloProtocol + " accepted"
	if refusal != nil {
		line = fmt.Sprintf("%s refused %s %s", helloProtocol, refusal.Reason, oneline.Of(refusal.Message, helloMaximum))
		line = strings.ToValidUTF8(line[:min(len(line), helloMaximum-1)], "")
	}
	if err := connection.SetWriteDeadline(time.Now().Add(helloWriteWithin)); err != nil {
		return fmt.Errorf("write hello: %w", err)
	}
	if _, err := io.WriteString(connection, line+"\n"); err != nil {
		return fmt.Errorf("write hello: %w", err)
	}
	return connection.SetWriteDeadline(time.Time{})
}

// readHello returns nil if the helper accepts. It returns a [*RefusedError] if the helper refuses or speaks another
// version. It reads only the bytes of the line.
func readHello(connection net.Conn) error {
	if err := connection.SetReadDeadline(time.Now().Add(helloReadWithin)); err != nil {
		return fmt.Errorf("read hello: %w", err)
	}
	var line []byte
	for one := make([]byte, 1); ; {
		if _, err := io.ReadFull(connection, one); err != nil {
			return fmt.Errorf("read hello: %w", err)
		}
		if one[0] == '\n' {
			break
		}
		if line = append(line, one[0]); len(line) >= helloMaximum {
			return fmt.Errorf("read hello: no line within %d bytes", helloMaximum)
		}
	}
	if err := connection.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("read hello: %w", err)
	}
	words := strings.SplitN(string(line), " ", 4)
	switch {
	case len(words) < 2 || !strings.HasPrefix(words[0], helloPrefix):
		return fmt.Errorf("read hello: %.40q is not a hello", line)
	case words[1] == "refused" && len(words) == 4:
		return &RefusedError{Reason: RefusalReason(words[2]), Message: words[3]}
	case words[0] != helloProtocol:
		return &RefusedError{Reason: ProtocolVersion,
			Message: fmt.Sprintf("the helper speaks %.40q, this agent %s: update the older one", words[0],
				helloProtocol)}
	case words[1] == "accepted" && len(words) == 2:
		return nil
	}
	return fmt.Errorf("read hello: %.40q is not a hello", line)
}
