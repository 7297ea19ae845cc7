package page_test

import (
	"fmt"
	"time"

	"usher.internal/internal/applog"
	"usher.internal/internal/event"
	"usher.internal/internal/timeline"
)

var start = time.Date(2026, 4, 27, 14, 9, 30, 0, time.UTC)

// hostile is text in a log that tries to break out of the page or to deceive its reader.
const hostile = `</script><script>document.title='broken'</script><!-- <img src=x onerror=alert(1)> "'&amp; ` +
	"\u202egnp.exe\u2028\x1b[31m"

// sample is a report with a failed attempt, a success before it, and a number of lines.
func sample(lines int) *timeline.Report {
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	moment := func(seconds float64) applog.Time {
		return applog.Time{At: at(seconds), Precision: time.Millisecond, Zone: applog.ZoneUTC}
	}
	phase := func(name event.Phase, from, to float64) timeline.Phase {
		info := name.Info()
		return timeline.Phase{Name: name, Title: info.Title(), Begin: at(from), End: at(to),
			Milliseconds: int64((to - from) * 1000), WaitingFor: info.WaitingFor}
	}
	report := &timeline.Report{
		Schema: timeline.Schema, CreateTime: at(4000), Zone: "UTC-05:00", ZoneFrom: applog.ZoneInferred, Redacted: true,
		Logs: []timeline.Log{
			{Name: "Users/user-1/Library/Logs/Company Portal/com.microsoft.CompanyPortalMac.log",
				Formats: []applog.Format{applog.CompanyPortal2018}, Entries: int64(lines), FirstTime: at(0),
				LastTime: at(90)},
			{Name: "var/log/jamf.log", Formats: []applog.Format{applog.JamfLog}, Entries: 12, Unparsed: 1,
				FirstUnparsed: hostile, FirstUnparsedLine: 7, FirstTime: at(0), LastTime: at(90)},
			{Name: "system.logarchive", Error: "a log archive of macOS cannot be read here"},
		},
		Skews: []timeline.Skew{{Source: applog.SourceJamf, Against: applog.SourceCompanyPortal, Milliseconds: 90_000,
			Detail: "The times of Jamf are 1 min 30 s ahead of those of Company Portal."}},
		Attempts: []timeline.Attempt{
			{Number: 1, User: "user-1", Begin: at(-3600), End: at(-3500), Outcome: timeline.Succeeded,
				Verdict: timeline.Verdict{Sentence: "Registered in 1 min 40 s: 1 min 9 s on signing in.",
					Evidence: []int{0}},
				Phases: []timeline.Phase{phase(event.SignIn, -3600, -3531), phase(event.Registration, -3531, -3500)},
				Events: []timeline.Event{{Name: event.DeviceRegistered, Title: "Entra registered the device",
					Class: event.Progress, Time: moment(-3500), Source: applog.SourceCompanyPortal, Raw: "one"}}},
			{Number: 2, User: "user-1", Registration: "0199b3a2-4c1d", Begin: at(0), End: at(85),
				Outcome: timeline.Failed,
				Verdict: timeline.Verdict{Sentence: "It failed after 1 min 25 s: Entra refused to register the " +
					"device; Company Portal then ended with registrationDeviceCapError (66).",
					Cause: "device-registration-failed", Evidence: []int{0, 2, 3},
					Next: []string{"Remove old devices of the user in Entra.", "Read Entra's audit log."}},
				Phases: []timeline.Phase{phase(event.Preparation, 0, 1.3), phase(event.SignIn, 1.3, 70),
					phase(event.Token, 70, 70.4), phase(event.Registration, 70.4, 73), phase(event.Closing, 73, 85)},
				Events: []timeline.Event{
					{Name: event.PolicyStarted, Title: "Jamf runs a policy", Phase: event.Preparation,
						Class: event.Progress, Time: applog.Time{At: at(0), Precision: time.Second,
							Zone: applog.ZoneInferred}, Detail: "Register " + hostile, Source: applog.SourceJamf,
						Log: 1, Line: 2, Raw: "Mon Apr 27 09:09:30 computer-1 jamf[1480]: Executing Policy Register " +
							hostile},
					{Name: event.TokenFetched, Title: "Entra issued the token for the device registration",
						Phase: event.Token, Class: event.Progress, Time: moment(70.4),
						Detail: "Auth_FetchSvcToken Succeeded after 420 ms", Source: applog.SourceCompanyPortal,
						Line: 3, Raw: "line 3"},
					{Name: "device-registration-failed", Title: "Entra refused to register the device",
						Phase: event.Registration, Class: event.Trouble, Time: moment(73),
						Detail: "WPJ_DeviceRegistration Failed after 900 ms",
						Advice: "Check in Entra that the user may join devices.", Source: applog.SourceCompanyPortal,
						Line: 5, Raw: "line 5"},
					{Name: event.PortalFailed, Title: "Company Portal ended with an error", Class: event.Trouble,
						Consequence: true, Time: moment(85), Detail: "registrationDeviceCapError (66)",
						Source: applog.SourceCompanyPortal, Line: 9, Raw: "line 9"},
				}},
		},
	}
	report.Trouble = []timeline.Event{
		{Name: "inventory-failed", Title: "The inventory update failed", Class: event.Trouble, Time: moment(900),
			Detail: "Error running recon " + hostile, Advice: "Run sudo jamf recon.", Source: applog.SourceJamf, Log: 1,
			Line: 9, Raw: "raw " + hostile}}
	for i := range lines {
		line := timeline.Line{Log: 0, Line: i + 1, Time: moment(float64(i) * 85 / float64(max(lines, 1))),
			Kind: applog.Entry, Level: applog.LevelInfo, Attempt: 2, Origin: "com.microsoft.ssp.telemetry",
			Message: fmt.Sprintf("message number %d of the log, as long as such messages are in Company Portal's log",
				i+1)}
		switch {
		case i == 4:
			line.Event, line.Class, line.Level, line.Message = "device-registration-failed", event.Trouble,
				applog.LevelError, "WPJ_DeviceRegistration "+hostile
		case i%7 == 0:
			line.Event, line.Class = "policy-check", event.Noise
		case i%11 == 0:
			line.Kind, line.Level = applog.Unparsed, ""
		}
		line.Raw = fmt.Sprintf("2026-04-27 14:09:30.%03d INFO com.microsoft.ssp.telemetry TID=10971 A.swift: 283 "+
			"(f()) %s\nresult = Succeeded;", i%1000, line.Message)
		report.Lines = append(report.Lines, line)
	}
	return report
}
