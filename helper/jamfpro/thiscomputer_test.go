package jamfpro

import (
	"errors"
	"testing"
)

// The sample has the form of ioreg's output as it is generally known; it was not taken from a Mac.
func TestIORegistryIsParsed(t *testing.T) {
	const output = `+-o J314sAP  <class IOPlatformExpertDevice, id 0x10000022a, registered, matched, active>
    {
      "IOPlatformSerialNumber" = "C02ABCDEFGHJ"
      "manufacturer" = <"Apple Inc.">
      "IOPlatformUUID" = "0A1B2C3D-0000-4000-8000-00000000BEEF"
    }
`
	which, err := parseIORegistry(output)
	if err != nil || which.UDID != "0A1B2C3D-0000-4000-8000-00000000BEEF" || which.SerialNumber != "C02ABCDEFGHJ" {
		t.Errorf("got %+v, %v", which, err)
	}
	if _, err := parseIORegistry("{\n}\n"); !errors.Is(err, ErrComputerUnknown) {
		t.Errorf("got %v", err)
	}
}
