package page_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"usher.internal/internal/timeline"
	"usher.internal/sim/browser"
)

// openPage opens the page of a report.
func openPage(t *testing.T, report *timeline.Report, actions ...chromedp.Action) *browser.Browser {
	t.Helper()
	return browser.Open(t, write(t, report), "count", actions...)
}

func TestBrowserLoadsWithoutAComplaint(t *testing.T) {
	b := openPage(t, sample(200), browser.Scheme("light"))
	b.Want("document.title", "Failed: registration of user-1 - usher timeline")
	b.Want("document.querySelector('#count').textContent", "200 lines")
	b.Screenshot("light")
	b.Run(browser.Scheme("dark"))
	b.Run(chromedp.Poll("document.querySelector('#scheme').getAttribute('aria-pressed') === 'true'", nil))
	b.Screenshot("dark")
	b.Run(emulation.SetDeviceMetricsOverride(400, 900, 1, true), browser.Scheme("light"))
	b.Want("document.documentElement.scrollWidth <= 400", "true")
	b.Screenshot("narrow")
	b.Run(emulation.SetDeviceMetricsOverride(900, 1200, 1, false), emulation.SetEmulatedMedia().WithMedia("print"))
	b.Want("getComputedStyle(document.querySelector('#grid')).display", "none")
	b.Want("getComputedStyle(document.querySelector('.events')).display", "table")
	b.Screenshot("print")
	b.Quiet()
}

func TestBrowserSchemeAndZoneAreSwitched(t *testing.T) {
	b := openPage(t, sample(20), browser.Scheme("light"))
	before := browser.Value[string](b, "getComputedStyle(document.documentElement).backgroundColor")
	b.Run(chromedp.Click("#scheme", chromedp.ByQuery))
	if after := browser.Value[string](b, "getComputedStyle(document.documentElement).backgroundColor"); after ==
		before {
		t.Errorf("the page remains %s", after)
	}
	b.Want("document.querySelector('#attempt-2 time').textContent", "14:09:30")
	b.Run(chromedp.Click("#utc", chromedp.ByQuery))
	b.Want("document.querySelector('#attempt-2 time').textContent", "14:09:30.000")
	b.Run(chromedp.Click("#utc", chromedp.ByQuery))
	b.Want("document.querySelector('#attempt-2 time').textContent", "14:09:30")
	b.Quiet()
}

func TestBrowserFiltersAndSearches(t *testing.T) {
	b := openPage(t, sample(200))
	choose := func(id, value string) {
		b.Run(chromedp.Evaluate(fmt.Sprintf(
			"{const s=document.getElementById(%q); s.value=%q; s.dispatchEvent(new Event('change'))}", id, value), nil))
	}
	choose("class", "trouble")
	b.Want("document.querySelector('#count').textContent", "1 of 200 lines")
	choose("class", "unparsed")
	b.Want("document.querySelector('#count').textContent", "16 of 200 lines")
	choose("class", "")
	choose("log", "1")
	b.Want("document.querySelector('#count').textContent", "0 of 200 lines")
	choose("log", "")
	b.Run(chromedp.Evaluate("document.getElementById('search').focus()", nil))
	b.Run(chromedp.KeyEvent("NUMBER 17 "))
	b.Run(chromedp.Poll("document.querySelector('#count').textContent === '1 of 200 lines'", nil,
		chromedp.WithPollingTimeout(3*time.Second)))
	b.Want("document.querySelector('.line .text').textContent",
		"message number 17 of the log, as long as such messages are in Company Portal's log")
	b.Run(chromedp.Click(".line", chromedp.ByQuery))
	b.Want("document.querySelector('#whole-text').textContent.split('\\n')[1]", "result = Succeeded;")
	b.Quiet()
}

func TestBrowserByKeyboardOnly(t *testing.T) {
	b := openPage(t, sample(1000))
	b.Run(chromedp.KeyEvent(kb.Tab))
	b.Want("document.activeElement.className", "skip")
	b.Run(chromedp.KeyEvent(kb.Enter))
	b.Want("location.hash", "#verdict")
	for range 200 { // to the list of lines
		b.Run(chromedp.KeyEvent(kb.Tab))
		if browser.Value[string](b, "document.activeElement.id") == "grid" {
			break
		}
	}
	b.Want("document.activeElement.id", "grid")
	b.Run(chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.Enter))
	b.Want("document.querySelector('#whole-place').textContent.split(', ')[1]", "line 2")
	b.Run(chromedp.KeyEvent(kb.End))
	b.Want("document.querySelector('#whole-place').textContent.split(', ')[1]", "line 1000")
	b.Want(
		"document.getElementById(document.activeElement.getAttribute('aria-activedescendant'))"+
			".getAttribute('aria-selected')", "true")
	b.Quiet()
}

func TestBrowserEvidenceLeadsToItsLine(t *testing.T) {
	b := openPage(t, sample(1000))
	b.Run(chromedp.Click("#attempt-2 .proof a", chromedp.ByQuery))
	b.Want("document.querySelector(location.hash).closest('table').className", "events")
	b.Run(chromedp.Click("#event-2-2 .to-line", chromedp.ByQuery))
	b.Run(chromedp.Poll("!document.querySelector('#whole').hidden", nil))
	b.Want("document.querySelector('#whole-place').textContent.split(', ')[1]", "line 5")
	b.Want("document.title.includes('broken')", "false")
	b.Quiet()
}

func TestBrowserOpensAHundredThousandLines(t *testing.T) {
	b := openPage(t, sample(100_000))
	b.Want("document.querySelector('#count').textContent", "100000 lines")
	b.Want("document.querySelectorAll('.line').length < 200", "true")
	b.Run(chromedp.Evaluate("grid.scrollTop = grid.scrollHeight", nil),
		chromedp.Poll("document.querySelector('#row-99999') !== null", nil))
	t.Logf("opened within %.0f ms",
		browser.Value[float64](b, "performance.getEntriesByType('navigation')[0].loadEventEnd"))
	b.Quiet()
}

func TestBrowserAccessible(t *testing.T) {
	for _, name := range []string{"light", "dark"} {
		t.Run(name, func(t *testing.T) {
			b := openPage(t, sample(300), browser.Scheme(name))
			b.Run(chromedp.Click(".older summary", chromedp.ByQuery))
			b.Accessible()
		})
	}
}
