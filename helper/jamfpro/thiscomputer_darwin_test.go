package jamfpro

import (
	"strings"
	"testing"
)

// A Mac says which one it is. Where there is no ioreg, as under the loader of sim/darwin, the error names it.
func TestThisComputerIsAsked(t *testing.T) {
	which, err := ThisComputer(t.Context())
	if (err == nil) != (which.UDID != "") || err != nil && !strings.Contains(err.Error(), "ioreg") {
		t.Errorf("%+v, %v", which, err)
	}
}
