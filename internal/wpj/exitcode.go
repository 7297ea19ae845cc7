package wpj

import (
	"fmt"
	"slices"
)

// ExitCode is the exit code of `Company Portal -r` [SEED]. An end by a signal has none.
//
// The numbers from 64 on are Microsoft's. BSD's sysexits.h gives them other meanings.
type ExitCode int

// The known exit codes of Company Portal.
const (
	ExitSuccess                    ExitCode = 0
	ExitDefaultError               ExitCode = 1
	ExitUserAbandoned              ExitCode = 64
	ExitRegistrationError          ExitCode = 65
	ExitRegistrationDeviceCapError ExitCode = 66
	ExitRegistrationKeychainError  ExitCode = 67
	ExitAuthenticationError        ExitCode = 68
	ExitNetworkError               ExitCode = 69
	ExitCommandLineError           ExitCode = 70
)

// ExitCodeInfo explains an [ExitCode]. The names are Microsoft's. The sentences are usher's interpretation, because
// only the names are published [SEED].
type ExitCodeInfo struct {
	Code ExitCode
	ExitInfo
}

var exitCodes = []ExitCodeInfo{
	{ExitSuccess, ExitInfo{"success",
		"Company Portal completed the registration.",
		"Your Mac is registered.",
		false}},
	{ExitDefaultError, ExitInfo{"defaultError",
		"Company Portal failed without saying why; read its log in ~/Library/Logs/Company Portal.",
		"The registration did not work. Try again, and ask your help desk if it fails once more.",
		true}},
	{ExitUserAbandoned, ExitInfo{"userAbandoned",
		"The user closed Company Portal before the registration was complete; ask the user to start it again " +
			"and to sign in.",
		"The registration was closed before it was complete. Start it again and sign in with your work account.",
		true}},
	{ExitRegistrationError, ExitInfo{"registrationError",
		"Entra's device registration service refused this Mac; check in Entra that the user may join or register " +
			"devices, and the sign-in and audit logs.",
		"Your organisation's sign-in service refused to register this Mac. Ask your help desk.",
		false}},
	{ExitRegistrationDeviceCapError, ExitInfo{"registrationDeviceCapError",
		"The user has reached the Entra limit of devices; remove old devices of the user in Entra or raise the limit " +
			"in the device settings.",
		"You have registered as many devices as your organisation allows. Ask your help desk to remove an old one.",
		false}},
	{ExitRegistrationKeychainError, ExitInfo{"registrationKeychainError",
		"Company Portal could not write to the login keychain; see that it is not locked, remove stale Workplace " +
			"Join items, the usual cause, with `usherctl clean`, and register again.",
		"Company Portal could not use your keychain. Ask your help desk.",
		false}},
	{ExitAuthenticationError, ExitInfo{"authenticationError",
		"The sign-in failed; look the user up in Entra's sign-in logs and check that no Conditional Access policy " +
			"blocks the registration.",
		"Signing in did not work. Try again with your work account and its current password.",
		true}},
	{ExitNetworkError, ExitInfo{"networkError",
		"Company Portal could not reach Microsoft; check proxy, firewall and TLS inspection for " +
			"login.microsoftonline.com and enterpriseregistration.windows.net.",
		"Microsoft's sign-in service could not be reached. Check the network and try again.",
		true}},
	{ExitCommandLineError, ExitInfo{"commandLineError",
		"Company Portal did not accept its arguments; update Company Portal, because this version does not know -r.",
		"Company Portal on this Mac needs an update. Ask your help desk.",
		false}},
}

// ExitCodes returns every known exit code with its explanation, in numerical order.
func ExitCodes() []ExitCodeInfo { return slices.Clone(exitCodes) }

// Info returns the explanation of the code. It returns false for an unknown code of Company Portal, and explains it as
// unknown.
func (c ExitCode) Info() (ExitCodeInfo, bool) {
	for _, info := range exitCodes {
		if info.Code == c {
			return info, true
		}
	}
	return ExitCodeInfo{c, ExitInfo{
		Name: "unknown",
		Admin: fmt.Sprintf("Company Portal ended with %d, which is not one of its known exit codes; read its "+
			"log in ~/Library/Logs/Company Portal.", int(c)),
		User:         "The registration did not work. Try again, and ask your help desk if it fails once more.",
		RetryCanHelp: true,
	}}, false
}

// String returns the name and the number, for example "registrationDeviceCapError (66)".
func (c ExitCode) String() string {
	info, _ := c.Info()
	return fmt.Sprintf("%s (%d)", info.Name, int(c))
}
