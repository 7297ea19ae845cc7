package link

import (
	"bytes"
	"testing"

	"golang.org/x/net/http2"
)

// An agent is an HTTP/2 server. Its frames are counted too.
func TestFramesOfAServerAreCounted(t *testing.T) {
	settings := []http2.Setting{{ID: http2.SettingMaxConcurrentStreams, Val: 32},
		{ID: http2.SettingMaxHeaderListSize, Val: 16 << 10}, {ID: http2.SettingInitialWindowSize, Val: 65535}}
	for sent := range len(settings) + 1 {
		var stream bytes.Buffer
		framer := http2.NewFramer(&stream, nil)
		if err := framer.WriteSettings(settings[:sent]...); err != nil {
			t.Fatal(err)
		}
		for range 10_000 {
			if err := framer.WriteWindowUpdate(0, 1); err != nil {
				t.Fatal(err)
			}
		}
		agent, counted := &pacedConn{}, 0
		agent.fromServer()
		for part := range bytes.SplitSeq(stream.Bytes(), nil) { // in single bytes
			counted += agent.counter.count(part)
		}
		if counted != 10_001 {
			t.Errorf("with %d settings: counted %d frames", sent, counted)
		}
	}
}
