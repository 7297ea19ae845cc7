//go:build linux

package e2e

import (
	"net"
	"net/http"
	"testing"
	"time"

	"usher.internal/sim/jamfpro"
	"usher.internal/sim/mac"
)

// jamfPro is the Jamf Pro of a story. It can be away: then nobody listens at its address.
type jamfPro struct {
	*jamfpro.Server
	t       *testing.T
	address string
	serving *http.Server
	done    chan struct{}
}

func (s *story) withJamfPro(changes ...func(*jamfpro.Options)) {
	s.t.Helper()
	options := jamfpro.Options{Computers: []jamfpro.Computer{
		{UDID: mac.UDID, SerialNumber: mac.SerialNumber, Name: mac.ComputerName}}}
	for _, change := range changes {
		change(&options)
	}
	server, err := jamfpro.New(options)
	s.must(err)
	s.t.Cleanup(server.Close)
	s.jamfPro = &jamfPro{Server: server, t: s.t, address: "127.0.0.1:0"}
	s.jamfPro.up()
	s.t.Cleanup(s.jamfPro.down)
	s.must(s.UseJamfPro("http://"+s.jamfPro.address, jamfpro.DefaultClientID, jamfpro.DefaultClientSecret))
}

func (j *jamfPro) up() {
	j.t.Helper()
	listener, err := net.Listen("tcp", j.address)
	if err != nil {
		j.t.Fatal(err)
	}
	j.address = listener.Addr().String()
	j.serving, j.done = &http.Server{Handler: j.Server, ReadHeaderTimeout: 10 * time.Second}, make(chan struct{})
	go func() {
		defer close(j.done)
		j.serving.Serve(listener)
	}()
}

func (j *jamfPro) down() {
	j.serving.Close()
	<-j.done
}

// wantInJamfPro waits until Jamf Pro holds those extension attributes.
func (s *story) wantInJamfPro(want map[string]string) {
	s.t.Helper()
	holds := func() bool {
		computer, _ := s.jamfPro.Computer(mac.UDID)
		for name, value := range want {
			if computer.Value(name) != value {
				return false
			}
		}
		return true
	}
	if err := s.jamfPro.Await(s.ctx, holds); err != nil {
		computer, _ := s.jamfPro.Computer(mac.UDID)
		s.t.Fatalf("Jamf Pro holds %v, want %v: %v", computer.ExtensionAttributes, want, err)
	}
}
