//go:build linux && amd64

package darwin_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// registration are stories of a complete registration. possession is one that ends with a proof of possession: the
// agent with cgo cannot give one, since the loader's Security signs nothing.
var (
	registration = []string{"TestUserRegistersHimself", "TestTwoUsersRegisterAtOnce",
		"TestEveryExitCodeOfThePortalComesThrough", "TestWhatThePortalLeaves",
		"TestCertificateThatCannotBeParsed"}
	possession = "TestRegistersWithANegativeSerialNumber"
)

// TestStories plays end-to-end stories with usherd, usher-agent and usherctl as macOS runs them. In them usherd is
// killed at each transition, agents and others lie, and processes are killed at random. It makes users, so it needs
// root.
func TestStories(t *testing.T) {
	if !*all {
		t.Skip("not in the short selection: run scripts/test-darwin")
	}
	program := filepath.Join(scratch, "e2e.test")
	if output, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", "grpcnotrace", "-o", program,
		module+"e2e").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	play := func(t *testing.T, stories []string, flags ...string) {
		arguments := append([]string{"-test.v", "-test.timeout", "15m", "-test.run",
			"^(" + strings.Join(stories, "|") + ")$", "-darwin"}, flags...)
		arguments = append(arguments, coverage.storyFlags()...)
		command := exec.CommandContext(t.Context(), program, arguments...)
		command.Dir = "../../e2e"
		command.Env = append(os.Environ(), coverage.environment()...)
		output, err := command.CombinedOutput()
		results := readResults(output)
		for _, story := range stories {
			if results[story] != "PASS" {
				t.Errorf("%s: %q", story, results[story])
			}
		}
		if err != nil || t.Failed() {
			t.Errorf("%v\n%s", err, tail(output))
		}
	}
	t.Run("registration", func(t *testing.T) {
		play(t,
			append(registration[:len(registration):len(registration)], possession))
	})
	t.Run("registration with cgo", func(t *testing.T) { play(t, registration, "-cgo") })
	t.Run("crashes", func(t *testing.T) {
		play(t, []string{"TestHelperKilledAtEachTransition", "TestHelperKilledWhileAStateLasts",
			"TestHelperRestartedBySIGTERM",
			"TestHelperKilledWhileReportsWaitInLine", "TestAgentKilledDuringThePortal"})
	})
	t.Run("hostile", func(t *testing.T) {
		play(t, []string{"TestRegistrationIsHiddenFromOtherUsers", "TestFalseHelper", "TestFalseAgent",
			"TestAgentReplacedOnDisk", "TestHungAgentIsReplaced",
			"TestSessionEndsWithItsAgent", "TestGarbage", "TestHugeMessages", "TestThousandIdleConnections",
			"TestOneUserAsksTooMuch", "TestLyingAgent",
			"TestSecondHelper", "TestHeavyKeysOfAnAgent", "TestLyingAgentsDeviceID"})
	})
	t.Run("chaos", func(t *testing.T) { play(t, []string{"TestChaos"}, "-chaos", "1m") })
}
