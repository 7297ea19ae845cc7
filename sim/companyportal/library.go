package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
)

// library writes the log lines of MSAL, Microsoft's sign-in library within Company Portal. They have their own grammar,
// and are among those of Company Portal's log [https://github.com/microsoft/vscode/issues/263875]. Nearly all of them
// mean nothing: timeouts without an effect, a good answer at error level, and masked names.
type library struct {
	log *log
	// correlation is the identifier of the request.
	correlation string
}

func (l *log) library() *library {
	return &library{log: l, correlation: strings.ToUpper(uuid.NewString())}
}

// say writes a line. Lines outside of a request have no identifier.
func (b *library) say(message string) { b.line(" - "+b.correlation, message) }

func (b *library) line(request, message string) {
	now := time.Now().UTC()
	_, err := fmt.Fprintf(b.log.file, "%s | TID=%d MSAL 1.9.0 Mac 15.6.1 [%s%s] [MSAL] %s\n",
		now.Format("2006-01-02 15:04:05.000"), telemetryThread, now.Format(time.DateTime), request, message)
	b.log.keep(err)
}

// started writes the beginning of a sign-in: the library looks for the broker, and does not wait for it
// [https://github.com/AzureAD/microsoft-authentication-library-common-for-objc MSIDXpcSingleSignOnProvider.m].
func (b *library) started() {
	b.line("", "networkHost: login.microsoftonline.com, cacheHost: login.windows.net, aliases: "+
		"login.microsoftonline.com, login.windows.net")
	b.say("[Entra broker] CLIENT getDeviceInfo handshake timed out after 1 sec")
	b.line("", "[Entra broker] CLIENT no Xpc configuration available. start manual selection.")
	b.say("[Entra broker] CLIENT - started establishing connection to " +
		"UBF8T346G9.com.microsoft.entrabroker.EntraIdentityBrokerXPC.Mach")
	b.line("", "Creating Error with description: [Entra broker] CLIENT -- dispatcher endpoint lookup timed out")
	b.line("", "Creating Error with description: [Entra broker] CLIENT -- broker reply timed out")
	b.say("[Entra broker] CLIENT received operationResponse, error: (null)")
	b.say("acquireTokenSilent returning with error: (MSALErrorDomain, -50002) Masked(not-null)")
	b.say("-[MSALPublicClientApplication acquireTokenWithParameters:completionBlock:] loginHint Masked(not-null), " +
		"isSetupAssistantFlow: 0")
}

// finished writes the end of a successful sign-in.
func (b *library) finished() {
	b.say("Interactive flow finished. Result Masked(not-null), error: 0 error domain: (null)")
	b.say("acquireToken returning with result Masked(not-null)")
}

// cancelled writes the end of a sign-in whose window the user closed
// [https://github.com/AzureAD/microsoft-authentication-library-for-objc/issues/2187].
func (b *library) cancelled() {
	b.line("", "Creating Error with description: User cancelled the authorization session.")
	b.say("acquireToken returning with error: (MSALErrorDomain, -50005) Masked(not-null)")
	b.say("Interactive flow finished. Result (null), error: -51700 error domain: MSIDErrorDomain")
}

// refused writes the end of a sign-in that Entra refused: the reason is masked.
func (b *library) refused() {
	b.say("Interactive flow finished. Result (null), error: -51411 error domain: MSIDOAuthErrorDomain")
	b.say("acquireToken returning with error: (MSALErrorDomain, -50000) Masked(not-null)")
}

// writePiped writes an entry as Company Portal 5 does. The level is there only if it is not normal, and an SDK's
// entries have its version in the place of the file.
func (l *log) writePiped(level, subsystem string, thread int, location, message string) {
	columns := []string{time.Now().UTC().Format("2006-01-02 15:04:05.000")}
	if level != "INFO" && level != "VERB" {
		columns = append(columns, level)
	}
	if subsystem == "workplaceJoinSdk" {
		location = "v3.8.1"
	}
	columns = append(columns, subsystem, fmt.Sprint(thread), location, message)
	_, err := fmt.Fprintln(l.file, strings.Join(columns, " | "))
	l.keep(err)
}

// eventPiped writes a telemetry event as Company Portal 5 does: lines without braces, in no order, and without a mark
// on the last one.
func (l *log) eventPiped(fields []field) {
	var text strings.Builder
	text.WriteString("ReceivedEvent: The event that would have otherwise gone to telemetry is: ")
	for i := range fields {
		f := fields[(i+os.Getpid())%len(fields)]
		fmt.Fprintf(&text, "\n%s: %s", f.key, f.value)
	}
	l.writePiped("INFO", "telemetry", telemetryThread,
		"TelemetryManager.swift: 187 (sendEvent(featureArea:type:eventTitle:))", text.String())
}
