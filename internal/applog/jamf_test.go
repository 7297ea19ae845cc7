package applog_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"usher.internal/internal/applog"
)

// logOf is a log of about that many bytes. lines returns its lines for each minute's number.
func logOf(size int, lines func(at time.Time, minute int) string) string {
	var content strings.Builder
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for minute := 0; content.Len() < size; minute++ {
		content.WriteString(lines(start.Add(time.Duration(minute)*time.Minute/4), minute))
	}
	return content.String()
}

func jamfMinute(at time.Time, minute int) string {
	name := at.Format("Mon Jan 02 15:04:05") + fmt.Sprintf(" Test’s MacBook Air (2) jamf[%d]: ", 400+minute%9000)
	return name + "Checking for policies triggered by \"recurring check-in\" for user \"test\"...\n" +
		name + "Executing Policy Register With AAD\n" +
		name + "Installing ExampleSuite-16.72.0.pkg...\n" +
		name + "Successfully installed ExampleSuite-16.72.0.pkg.\n" +
		name + "Checking for patches...\n" +
		name + "No patch policies were found.\n"
}

func spacedMinute(at time.Time, minute int) string {
	name := at.Format("2006-01-02 15:04:05.000")
	thread := 7000 + minute%900
	return fmt.Sprintf("%s INFO com.microsoft.ssp.application TID=%d AppDelegate.swift: 96 "+
		"(applicationDidFinishLaunching(_:)) "+
		"Launched with arguments: -r\n", name, thread) +
		fmt.Sprintf("%s INFO com.microsoft.ssp.workplaceJoinSdk TID=%d WorkplaceJoinManager.swift: 845 "+
			"(workplaceClient(_:logMessage:)) INFO: [2026-04-27 03:07:19 +0000]getRegistrationInformation: Retrieved "+
			"certificate thumbprint\n", name, thread) +
		fmt.Sprintf("%s VERB com.microsoft.ssp.telemetry TID=%d AriaTelemetryService.swift: 283 "+
			"(sendEvent(featureArea:type:"+
			"eventTitle:duration:result:target:location:resultData:error:context:workflowData:clientRequestId:"+
			"shouldSanitizeStrings:)) Sending event using aria: OutgoingServiceRequest : {\n    "+
			"durationMs = 418;\n    "+
			"eventTitle = \"Auth_FetchSvcToken\";\n    featureArea = Login;\n    result = Succeeded;\n}\n", name,
			thread)
}

func pipedMinute(at time.Time, minute int) string {
	name := at.Format("2006-01-02 15:04:05.000")
	thread := 7000 + minute%900
	return fmt.Sprintf("%s | welcomeController | %d | WelcomeViewController.swift: 124 (loginButtonClick(_:)) | "+
		"Sign in button "+
		"clicked. Beginning login\n", name, thread) +
		fmt.Sprintf("%s | workplaceJoinSdk | %d | v3.8.1 | INFO: [2026-04-27 03:07:19 +0000][-Example "+
			"registration:2448] "+
			"Retrieved certificate\n", name, thread) +
		fmt.Sprintf("%s | login | %d | LoginManager.swift: 62 (loginState) | Login state changed from "+
			"'NotLoggedIn' to "+
			"'FetchingAadIntuneToken'\n", name, thread) +
		fmt.Sprintf("%s | telemetry | %d | TelemetryManager.swift: 187 (sendEvent(featureArea:type:eventTitle:)) | "+
			"ReceivedEvent: The event that would have otherwise gone to telemetry is: \ncontext: brokerAuth:false\n"+
			"eventName: InAppProcess\nresult: None\n", name, thread)
}

func benchmarkRead(b *testing.B, minute func(time.Time, int) string) {
	content := logOf(8<<20, minute)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		for record, err := range applog.Read(context.Background(),
			io.NewSectionReader(strings.NewReader(content), 0, int64(len(content))), options) {
			if err != nil || record.Kind != applog.Entry {
				b.Fatal(err, record)
			}
		}
	}
}

func BenchmarkJamfLog(b *testing.B)           { benchmarkRead(b, jamfMinute) }
func BenchmarkCompanyPortal2018(b *testing.B) { benchmarkRead(b, spacedMinute) }
func BenchmarkCompanyPortal5(b *testing.B)    { benchmarkRead(b, pipedMinute) }
