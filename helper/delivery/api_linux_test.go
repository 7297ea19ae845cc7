package delivery_test

import (
	"errors"
	"testing"

	"usher.internal/helper/delivery"
	"usher.internal/helper/jamfpro"
)

func TestComputerThatIsNotConfiguredOnLinux(t *testing.T) {
	_, err := delivery.ConfiguredComputer("")(t.Context())
	if !errors.Is(err, jamfpro.ErrComputerUnknown) {
		t.Errorf("got %v", err)
	}
}
