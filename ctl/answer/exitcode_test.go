package answer

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"usher.internal/internal/layout"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// asOnMac is a text of this computer as it is on a Mac, because the pages are for a Mac.
func asOnMac(text string) string {
	return strings.ReplaceAll(text, layout.Here().Control(),
		layout.MacOS.Control())
}

func TestEveryFailureReasonHasAnExitCode(t *testing.T) {
	for number, name := range usherv1.FailureReason_name {
		if _, known := FailureExits[usherv1.FailureReason(number)]; !known && number != 0 {
			t.Errorf("%s has no exit code", name)
		}
	}
	for number, name := range usherv1.ErrorReason_name {
		if _, known := ErrorExits[usherv1.ErrorReason(number)]; !known && number != 0 {
			t.Errorf("%s has no exit code", name)
		}
	}
}

func TestPortalExitCodesComeThroughAndNothingPassesForThem(t *testing.T) {
	ended := func(code int32) ExitCode {
		err := Outcome(&usherv1.Registration{
			State:         usherv1.RegistrationState_REGISTRATION_STATE_FAILED,
			FailureReason: usherv1.FailureReason_FAILURE_REASON_PORTAL_FAILED,
			PortalExit:    &usherv1.PortalExit{How: &usherv1.PortalExit_Code{Code: code}},
		})
		failed, ok := errors.AsType[*Failure](err)
		if !ok {
			t.Fatalf("portal exit code %d is no failure: %v", code, err)
		}
		return failed.Code
	}
	known := make(map[ExitCode]bool)
	for _, info := range wpj.ExitCodes() {
		if info.Code != wpj.ExitSuccess {
			known[ExitCode(info.Code)] = true
			if got := ended(int32(info.Code)); int(got) != int(info.Code) {
				t.Errorf("portal exit code %d became %d", info.Code, got)
			}
		}
	}
	for _, code := range []int32{2, 3, 5, 10, 71, 99, 255} {
		if got := ended(code); got != exitPortalBroken {
			t.Errorf("unheard-of portal exit code %d became %d", code, got)
		}
	}
	for _, own := range ExitCodes {
		if known[own.Code] && own.Code != ExitPortalDefaultError {
			t.Errorf("exit code %d means two things", own.Code)
		}
	}
}

func TestEndsThatAreNoFailureOfThePortal(t *testing.T) {
	if err := Outcome(&usherv1.Registration{State: usherv1.RegistrationState_REGISTRATION_STATE_SUCCEEDED}); err !=
		nil {
		t.Errorf("success is %v", err)
	}
	err := Outcome(&usherv1.Registration{State: usherv1.RegistrationState_REGISTRATION_STATE_CANCELLED})
	if failed, ok := errors.AsType[*Failure](err); !ok || failed.Code != ExitCancelled {
		t.Errorf("a cancelled one is %v", err)
	}
}

// docs/exit-codes.md has exactly the sentences of the table. There is no -update; the error names the missing line.
func TestExitCodesAreDocumented(t *testing.T) {
	document, err := os.ReadFile("../../docs/exit-codes.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range ExitCodes {
		if line := asOnMac(fmt.Sprintf("| %d | %s | %s |", one.Code, one.Meaning, one.Policy)); !strings.Contains(
			string(document), line) {
			t.Errorf("docs/exit-codes.md lacks the line\n%s", line)
		}
	}
	for _, info := range wpj.ExitCodes()[2:] {
		if line := fmt.Sprintf("| %d | Company Portal: %s |", info.Code, info.Name); !strings.Contains(string(document),
			line) {
			t.Errorf("docs/exit-codes.md lacks a line beginning with\n%s", line)
		}
	}
}
