package fleetpage_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"usher.internal/ctl/fleetpage"
	"usher.internal/ctl/fleetview"
	"usher.internal/sim/browser"
)

var made = time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)

// sample is a fleet of so many Macs, in every state in turn.
func sample(macs int) *fleetview.Report {
	states := []string{"REGISTERED", "REGISTERED", "REGISTERED", "COMPLIANT", "NOT_REGISTERED", "NON_COMPLIANT",
		"ORPHANED", fleetview.NoUser, fleetview.Unknown}
	report := &fleetview.Report{Made: made}
	for i := range macs {
		one := fleetview.Standing{
			Mac: fmt.Sprintf("0A1B2C3D-0000-4000-8000-%012d", i), Answer: fleetview.Answered,
			State: states[i%len(states)], Seen: made, Instances: 1,
			Computer: fmt.Sprintf("Mac %d", i), User: fmt.Sprintf("user%d", i), OperatingSystem: "macOS 15.1",
			Version: "1.0.0", Registration: "SUCCEEDED",
		}
		switch i % 50 {
		case 7:
			one.Answer, one.Seen = fleetview.Silent, made.Add(-time.Duration(i)*time.Hour)
		case 8:
			one.Instances, one.Notes = 2,
				[]string{"2 Macs answer under this name: they were cloned, or share credentials"}
		case 9:
			one.Answer, one.Notes = fleetview.Garbage, []string{"it answered 5 bytes that are no status"}
		}
		report.Macs = append(report.Macs, one)
	}
	report.Keep(func(fleetview.Standing) bool { return true }, []string{"state=*"})
	for i := range 30 {
		report.Trend = append(report.Trend, fleetview.Day{
			Date: made.AddDate(0, 0, i-29).Format(time.DateOnly),
			States: map[string]int{"REGISTERED": macs/3 + i, "COMPLIANT": macs / 9, "NOT_REGISTERED": 40 - i,
				fleetview.NoUser: 3},
		})
	}
	return report
}

func write(t *testing.T, report *fleetview.Report) string {
	t.Helper()
	var b strings.Builder
	if err := fleetpage.Write(&b, report); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func open(t *testing.T, report *fleetview.Report, actions ...chromedp.Action) *browser.Browser {
	t.Helper()
	return browser.Open(t, write(t, report), "count", actions...)
}

// A Mac may have any name for itself.
func TestHostileNamesAreShownAndNotInterpreted(t *testing.T) {
	report := sample(1)
	report.Macs[0].Computer = "<script>document.title='broken'</script>\x1b[2J\u202egnp.exe"
	report.Macs[0].Notes = []string{`"><img src=x onerror="document.title='broken'">`}
	report.Macs[0].State = "</td><script>document.title='broken'</script>"
	report.Warnings = []string{"<b>bold</b>"}
	text := write(t, report)
	for _, hostile := range []string{"<script>document", "<img", "<b>bold", "\x1b", "\u202e"} {
		if strings.Contains(text, hostile) {
			t.Errorf("the page has %q in it", hostile)
		}
	}
	b := open(t, report)
	b.Want("document.title", "1 Mac - usher fleet")
	b.Want("document.querySelector('#rows td').textContent.includes('<script>')", "true")
	b.Quiet()
}

func TestPageWithoutMacsAndTrend(t *testing.T) {
	b := open(t, &fleetview.Report{Made: made, Warnings: []string{"The last known states could not be read."}})
	b.Want("document.querySelector('h1').textContent", "0 Macs: 0 answered, 0 silent")
	b.Want("document.querySelector('#trend-heading') === null", "true")
	b.Want("document.querySelector('.warn').textContent", "The last known states could not be read.")
	b.Quiet()
}

func TestPageIsWhatTheReportSays(t *testing.T) {
	b := open(t, sample(450), browser.Scheme("light"))
	b.Want("document.querySelector('h1').textContent", "450 Macs: 432 answered, 9 silent, 9 answered garbage")
	b.Want("document.querySelector('.summary .warn').textContent.startsWith('Under 9 names more than one Mac answers')",
		"true")
	b.Want("document.querySelectorAll('.states tbody tr').length", "7")
	b.Want("document.querySelector('.states tbody tr').textContent.replace(/\\s+/g,' ').trim()",
		"REGISTERED 15033.3 %1443")
	b.Want("document.querySelectorAll('.trend rect').length", "120")
	b.Want("document.querySelectorAll('.numbers tbody tr').length", "30")
	b.Want("document.querySelector('#rows tr:nth-child(8) .seen').textContent", "7 h")
	b.Run(emulation.SetDeviceMetricsOverride(400, 900, 1, true), browser.Scheme("light"))
	b.Want("document.documentElement.scrollWidth", "400")
	b.Run(emulation.SetDeviceMetricsOverride(900, 1200, 1, false), emulation.SetEmulatedMedia().WithMedia("print"))
	b.Want("getComputedStyle(document.querySelector('.filter')).display", "none")
	b.Quiet()
}

func TestSearchAndSort(t *testing.T) {
	report := sample(5_000)
	fitting := 0
	for _, one := range report.Macs {
		if one.State == "ORPHANED" && strings.Contains(one.User, "user6") {
			fitting++
		}
	}
	b := open(t, report)
	b.Want("document.querySelector('#count').textContent", "5000 Macs")
	b.Run(chromedp.Evaluate("document.getElementById('search').focus()", nil), chromedp.KeyEvent("Orphaned user6"))
	b.Run(chromedp.Poll(fmt.Sprintf("document.querySelector('#count').textContent === '%d of 5000 Macs'", fitting),
		nil, chromedp.WithPollingTimeout(10*time.Second)))
	b.Want("[...document.querySelectorAll('#rows tr')].filter((r) => !r.hidden).every((r) => "+
		"r.textContent.includes('ORPHANED'))", "true")
	b.Run(chromedp.Evaluate("{const s=document.getElementById('search'); s.value=''; s.dispatchEvent(new "+
		"Event('input'))}", nil))
	b.Run(chromedp.Poll("document.querySelector('#count').textContent === '5000 Macs'", nil,
		chromedp.WithPollingTimeout(10*time.Second)))
	// By keyboard, and numbers as numbers.
	b.Run(chromedp.Evaluate("document.querySelectorAll('.macs thead button')[1].focus()", nil),
		chromedp.KeyEvent(kb.Enter))
	b.Want("document.querySelector('.macs thead th:nth-child(2)').getAttribute('aria-sort')", "ascending")
	b.Want("document.querySelector('#rows tr:nth-child(3) td bdi').textContent", "Mac 2")
	b.Run(chromedp.KeyEvent(kb.Enter))
	b.Want("document.querySelector('#rows tr td bdi').textContent", "Mac 4999")
	b.Run(chromedp.Evaluate("document.querySelectorAll('.macs thead button')[5].click()", nil))
	b.Want("document.querySelector('#rows tr td bdi').textContent", "Mac 4957")
	b.Quiet()
}

func TestEverybodyCanUseIt(t *testing.T) {
	for _, name := range []string{"light", "dark"} {
		t.Run(name, func(t *testing.T) {
			b := open(t, sample(30), browser.Scheme(name))
			b.Screenshot("fleet-" + name)
			b.Run(chromedp.Click("summary", chromedp.ByQuery))
			b.Accessible()
		})
	}
}
