//go:build linux

package main

import (
	"net"
	"net/http"
	"time"

	"usher.internal/sim/jamfpro"
	"usher.internal/sim/mac"
)

// jamfPro is a Jamf Pro that can be away: then nobody listens at its address.
type jamfPro struct {
	*jamfpro.Server
	address string
	serving *http.Server
	done    chan struct{}
}

func (p *play) startJamfPro() {
	server, err := jamfpro.New(jamfpro.Options{
		Computers: []jamfpro.Computer{{UDID: mac.UDID, SerialNumber: mac.SerialNumber, Name: mac.ComputerName}}})
	must(err)
	p.jamfPro = &jamfPro{Server: server, address: "127.0.0.1:0"}
	p.jamfPro.up()
	must(p.UseJamfPro("http://"+p.jamfPro.address, jamfpro.DefaultClientID, jamfpro.DefaultClientSecret))
}

func (j *jamfPro) up() {
	listener, err := net.Listen("tcp", j.address)
	must(err)
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
