package mac

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// StartJamfPro starts a Jamf Pro that knows this Mac, as a separate process on loopback. It has usherd deliver to it,
// and returns its URL.
func (m *Mac) StartJamfPro(ctx context.Context, clientID, clientSecret string) (url string, err error) {
	command := exec.Command(m.Programs.JamfProSim, "--listen", "127.0.0.1:0", "--client-id", clientID,
		"--client-secret", clientSecret,
		"--computer", fmt.Sprintf("udid=%s,serial=%s,name=%s", UDID, SerialNumber, ComputerName))
	command.Env = []string{"PATH=/usr/bin:/bin"}
	server, err := startProcess("jamfpro-sim", command, m.Tee)
	if err != nil {
		return "", err
	}
	m.JamfPro = server
	const marker = "http://"
	if _, err := server.WaitLog(ctx, marker, 0); err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(server.Log(), marker)
	url = marker + strings.Fields(rest)[0]
	return url, m.UseJamfPro(url, clientID, clientSecret)
}
