package delivery

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// A new address is a change, and so is a route through a gateway; a neighbour's route is not.
func TestMessagesOfARoutingSocket(t *testing.T) {
	message := func(kind byte, flags uint32) []byte {
		content := make([]byte, 16)
		content[offsetOfKind] = kind
		binary.NativeEndian.PutUint32(content[offsetOfFlags:], flags)
		return content
	}
	for name, test := range map[string]struct {
		message []byte
		want    bool
	}{
		"new address":         {message(unix.RTM_NEWADDR, 0), true},
		"address that went":   {message(unix.RTM_DELADDR, 0), false},
		"route":               {message(unix.RTM_ADD, unix.RTF_UP|unix.RTF_GATEWAY), true},
		"changed route":       {message(unix.RTM_CHANGE, unix.RTF_GATEWAY), true},
		"neighbour":           {message(unix.RTM_ADD, unix.RTF_UP|unix.RTF_HOST), false},
		"route that went":     {message(unix.RTM_DELETE, unix.RTF_GATEWAY), false},
		"message that is cut": {message(unix.RTM_ADD, unix.RTF_GATEWAY)[:11], false},
		"nothing":             {nil, false},
	} {
		if got := isChange(test.message); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
