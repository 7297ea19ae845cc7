package fleet_test

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"usher.internal/internal/fleet"
)

// A Mac that nobody asks is left alone: neither the kernel, nor NATS's client, nor the server, says a word more often
// than every two minutes. The server's PINGs are none as long as the client's come first, so the client's interval is
// the shorter one.
func TestAnIdleConnectionIsQuiet(t *testing.T) {
	options, err := fleet.Access{Servers: []string{"nats://127.0.0.1:4222"}}.Options("usherd", "MAC-A")
	if err != nil {
		t.Fatal(err)
	}
	set := nats.GetDefaultOptions()
	for _, option := range options {
		if err := option(&set); err != nil {
			t.Fatal(err)
		}
	}
	if set.PingInterval < 2*time.Minute {
		t.Errorf("the client asks every %s", set.PingInterval)
	}
	if dialer, ok := set.CustomDialer.(*net.Dialer); !ok || dialer.KeepAlive >= 0 {
		t.Errorf("the kernel tries the connection by itself: %+v", set.CustomDialer)
	}
	template, err := os.ReadFile(filepath.Join("..", "..", "ctl", "fleetsetup", "nats-server.conf.tmpl"))
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`(?m)^ping_interval: "(\w+)"$`).FindSubmatch(template)
	if match == nil {
		t.Fatal("the servers' configuration says no ping_interval")
	}
	if interval, err := time.ParseDuration(string(match[1])); err != nil || interval <= set.PingInterval {
		t.Errorf("the servers ask every %s, and the client every %s: %v", match[1], set.PingInterval, err)
	}
}
