package observation_test

import (
	"strings"
	"testing"

	"usher.internal/internal/wpj"
)

// A device's id is a GUID. If an agent sends something else, it could not look, and its text is kept nowhere.
func TestDeviceIDIsAGUID(t *testing.T) {
	const device = "0a7e5f2d-6f0e-4a51-9f4b-57c6d1c1b0fe"
	for text, want := range map[string]string{
		device:                                 device,
		strings.ToUpper(device):                device,
		"{" + device + "}":                     device,
		"":                                     "",
		"=cmd|' /C calc'!A0":                   "-",
		"the-device-id":                        "-",
		"../../" + device:                      "-",
		device + "\u202e":                      "-",
		strings.ReplaceAll(device, "-", ""):    "-",
		device + device:                        "-",
		"０a7e5f2d-6f0e-4a51-9f4b-57c6d1c1b0fe": "-",
	} {
		w := newWorld(t, nil)
		w.agent.answers(wpj.Evidence{Source: wpj.SourceSecureEnclave, Finding: wpj.Found, DeviceID: wpj.DeviceID(text)})
		for _, got := range w.read().Evidence {
			if got.Source != wpj.SourceSecureEnclave {
				continue
			}
			if want == "-" && (got.Finding != wpj.CouldNotLook || got.DeviceID != "" || got.Detail == "") ||
				want != "-" && (got.Finding != wpj.Found || string(got.DeviceID) != want) {
				t.Errorf("%q: %s, %q, %s", text, got.Finding, string(got.DeviceID), got.Detail)
			}
		}
	}
}
