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

// An idle Mac is not disturbed: the kernel, NATS's client and the server send something at most every two minutes. The
// server sends no PING if the client's comes first. The client's interval is therefore the shorter one.
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
		t.Errorf("the client's interval is %s", set.PingInterval)
	}
	if dialer, ok := set.CustomDialer.(*net.Dialer); !ok || dialer.KeepAlive >= 0 {
		t.Errorf("the kernel tests the connection by itself: %+v", set.CustomDialer)
	}
	template, err := os.ReadFile(filepath.Join("..", "..", "ctl", "fleetsetup", "nats-server.conf.tmpl"))
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`(?m)^ping_interval: "(\w+)"$`).FindSubmatch(template)
	if match == nil {
		t.Fatal("the servers' configuration has no ping_interval")
	}
	if interval, err := time.ParseDuration(string(match[1])); err != nil || interval <= set.PingInterval {
		t.Errorf("the servers' interval is %s, the client's %s: %v", match[1], set.PingInterval, err)
	}
}
