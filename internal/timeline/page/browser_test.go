package page_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"usher.internal/internal/timeline"
)

// browser is one headless Chromium for all tests of a run, since it takes a second to start.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu sync.Mutex
	// complaints are what the page wrote to the console, exceptions, and requests that were made.
	complaints []string
}

const executable = "/usr/bin/chromium"

// openPage opens the page of a report. A missing Chromium is a failure: scripts/install-test-dependencies installs it.
func openPage(t *testing.T, report *timeline.Report, actions ...chromedp.Action) *browser {
	t.Helper()
	if _, err := os.Stat(executable); err != nil {
		t.Fatalf("%v: run scripts/install-test-dependencies", err)
	}
	file := filepath.Join(t.TempDir(), "timeline.html")
	if err := os.WriteFile(file, []byte(write(t, report)), 0o600); err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(executable), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1200, 900),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
	)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	ctx, cancelAllocator := chromedp.NewExecAllocator(ctx, options...)
	ctx, cancelBrowser := chromedp.NewContext(ctx)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx); cancelBrowser(); cancelAllocator(); cancel() })
	b := &browser{t: t, ctx: ctx}
	chromedp.ListenTarget(ctx, b.listen)
	b.run(append([]chromedp.Action{network.Enable(), cdplog.Enable(), runtime.Enable()}, actions...)...)
	b.run(chromedp.Navigate("file://"+file), chromedp.WaitReady("#count"))
	return b
}

func (b *browser) listen(happened any) {
	complaint := ""
	switch e := happened.(type) {
	case *runtime.EventConsoleAPICalled:
		complaint = fmt.Sprintf("console %s: %s", e.Type, e.Args[0].Value)
	case *runtime.EventExceptionThrown:
		complaint = "exception: " + e.ExceptionDetails.Error()
	case *cdplog.EventEntryAdded:
		complaint = fmt.Sprintf("log: %s %s", e.Entry.Text, e.Entry.URL)
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, "file://") || strings.HasSuffix(e.Request.URL, ".ico") {
			complaint = "request: " + e.Request.URL
		}
	}
	if complaint != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.complaints = append(b.complaints, complaint)
	}
}

func (b *browser) run(actions ...chromedp.Action) {
	b.t.Helper()
	if err := chromedp.Run(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// value evaluates an expression of the page, a promise to its end.
func value[T any](b *browser, expression string) (result T) {
	b.t.Helper()
	b.run(chromedp.Evaluate(expression, &result, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	return result
}

func (b *browser) want(expression, want string) {
	b.t.Helper()
	if got := fmt.Sprint(value[any](b, expression)); got != want {
		b.t.Errorf("%s is %q, want %q", expression, got, want)
	}
}

// quiet holds that the page made no request, violated no policy and wrote nothing to the console.
func (b *browser) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, complaint := range b.complaints {
		b.t.Error(complaint)
	}
}

// screenshot keeps a picture of the page in the folder that CI keeps, or go test -artifacts.
func (b *browser) screenshot(name string) {
	b.t.Helper()
	var picture []byte
	b.run(chromedp.FullScreenshot(&picture, 100))
	folder := os.Getenv("USHER_SCREENSHOTS")
	if folder == "" {
		folder = b.t.ArtifactDir()
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func scheme(name string) chromedp.Action {
	return emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}})
}

func TestBrowserLoadsWithoutAComplaint(t *testing.T) {
	b := openPage(t, sample(200), scheme("light"))
	b.want("document.title", "Failed: registration of user-1 - usher timeline")
	b.want("document.querySelector('#count').textContent", "200 lines")
	b.screenshot("light")
	b.run(scheme("dark"))
	b.run(chromedp.Poll("document.querySelector('#scheme').getAttribute('aria-pressed') === 'true'", nil))
	b.screenshot("dark")
	b.run(emulation.SetDeviceMetricsOverride(400, 900, 1, true), scheme("light"))
	b.want("document.documentElement.scrollWidth <= 400", "true")
	b.screenshot("narrow")
	b.run(emulation.SetDeviceMetricsOverride(900, 1200, 1, false), emulation.SetEmulatedMedia().WithMedia("print"))
	b.want("getComputedStyle(document.querySelector('#grid')).display", "none")
	b.want("getComputedStyle(document.querySelector('.events')).display", "table")
	b.screenshot("print")
	b.quiet()
}

func TestBrowserSchemeAndZoneAreSwitched(t *testing.T) {
	b := openPage(t, sample(20), scheme("light"))
	before := value[string](b, "getComputedStyle(document.documentElement).backgroundColor")
	b.run(chromedp.Click("#scheme", chromedp.ByQuery))
	if after := value[string](b, "getComputedStyle(document.documentElement).backgroundColor"); after == before {
		t.Errorf("the page stays %s", after)
	}
	b.want("document.querySelector('#attempt-2 time').textContent", "14:09:30")
	b.run(chromedp.Click("#utc", chromedp.ByQuery))
	b.want("document.querySelector('#attempt-2 time').textContent", "14:09:30.000")
	b.run(chromedp.Click("#utc", chromedp.ByQuery))
	b.want("document.querySelector('#attempt-2 time').textContent", "14:09:30")
	b.quiet()
}

func TestBrowserFiltersAndSearches(t *testing.T) {
	b := openPage(t, sample(200))
	choose := func(id, value string) {
		b.run(chromedp.Evaluate(fmt.Sprintf("{const s=document.getElementById(%q); s.value=%q; s.dispatchEvent(new Event('change'))}", id, value), nil))
	}
	choose("class", "trouble")
	b.want("document.querySelector('#count').textContent", "1 of 200 lines")
	choose("class", "unparsed")
	b.want("document.querySelector('#count').textContent", "16 of 200 lines")
	choose("class", "")
	choose("log", "1")
	b.want("document.querySelector('#count').textContent", "0 of 200 lines")
	choose("log", "")
	b.run(chromedp.Evaluate("document.getElementById('search').focus()", nil))
	b.run(chromedp.KeyEvent("NUMBER 17 "))
	b.run(chromedp.Poll("document.querySelector('#count').textContent === '1 of 200 lines'", nil, chromedp.WithPollingTimeout(3*time.Second)))
	b.want("document.querySelector('.line .text').textContent", "message number 17 of the log, as long as such messages are in Company Portal's log")
	b.run(chromedp.Click(".line", chromedp.ByQuery))
	b.want("document.querySelector('#whole-text').textContent.split('\\n')[1]", "result = Succeeded;")
	b.quiet()
}

func TestBrowserByKeyboardAlone(t *testing.T) {
	b := openPage(t, sample(1000))
	b.run(chromedp.KeyEvent(kb.Tab))
	b.want("document.activeElement.className", "skip")
	b.run(chromedp.KeyEvent(kb.Enter))
	b.want("location.hash", "#verdict")
	for range 200 { // to the list of lines
		b.run(chromedp.KeyEvent(kb.Tab))
		if value[string](b, "document.activeElement.id") == "grid" {
			break
		}
	}
	b.want("document.activeElement.id", "grid")
	b.run(chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.Enter))
	b.want("document.querySelector('#whole-place').textContent.split(', ')[1]", "line 2")
	b.run(chromedp.KeyEvent(kb.End))
	b.want("document.querySelector('#whole-place').textContent.split(', ')[1]", "line 1000")
	b.want("document.getElementById(document.activeElement.getAttribute('aria-activedescendant')).getAttribute('aria-selected')", "true")
	b.quiet()
}

func TestBrowserEvidenceLeadsToItsLine(t *testing.T) {
	b := openPage(t, sample(1000))
	b.run(chromedp.Click("#attempt-2 .proof a", chromedp.ByQuery))
	b.want("document.querySelector(location.hash).closest('table').className", "events")
	b.run(chromedp.Click("#event-2-2 .to-line", chromedp.ByQuery))
	b.run(chromedp.Poll("!document.querySelector('#whole').hidden", nil))
	b.want("document.querySelector('#whole-place').textContent.split(', ')[1]", "line 5")
	b.want("document.title.includes('broken')", "false")
	b.quiet()
}

func TestBrowserOpensAHundredThousandLines(t *testing.T) {
	b := openPage(t, sample(100_000))
	b.want("document.querySelector('#count').textContent", "100000 lines")
	b.want("document.querySelectorAll('.line').length < 200", "true")
	b.run(chromedp.Evaluate("grid.scrollTop = grid.scrollHeight", nil), chromedp.Poll("document.querySelector('#row-99999') !== null", nil))
	t.Logf("opened within %.0f ms", value[float64](b, "performance.getEntriesByType('navigation')[0].loadEventEnd"))
	b.quiet()
}

// axe is where scripts/install-axe-core puts axe-core.
func axe(t *testing.T) string {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(filepath.Join(cache, "usher", "axe-core-4.10.2.js"))
	if err != nil {
		t.Logf("NOT TESTED with axe-core, which the npm registry alone has: %v", err)
		return ""
	}
	return string(script)
}

// problems are usher's own checks, which need no axe-core: everything that can be used has a name, everything is seen.
const problems = `(() => {
  const found = [];
  const named = (e) => (e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.textContent || "").trim();
  for (const e of document.querySelectorAll("a, button, input, select, summary, [tabindex='0'], table th, section, [role]")) {
    if (e.getAttribute("role") === "presentation" || e.tagName === "SECTION" && e.getAttribute("aria-labelledby")) continue;
    if (!named(e)) found.push("no name: " + e.outerHTML.slice(0, 100));
  }
  for (const id of [...document.querySelectorAll("[id]")].map((e) => e.id))
    if (document.querySelectorAll("#" + CSS.escape(id)).length > 1) found.push("id twice: " + id);
  const levels = [...document.querySelectorAll("h1, h2, h3")].map((e) => Number(e.tagName[1]));
  levels.forEach((level, i) => { if (i && level > levels[i - 1] + 1) found.push("heading level left out"); });
  if (document.querySelectorAll("h1").length !== 1 || !document.documentElement.lang || !document.querySelector("main")) found.push("h1, lang or main");
  const light = (colour) => { const [r, g, b] = colour.match(/[\d.]+/g).map((c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!/, 0\)$|transparent/.test(c)) return c; } return "rgb(255, 255, 255)"; };
  for (const e of document.querySelectorAll("body *")) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || !e.checkVisibility() || e.closest("script, style, .hidden, noscript, .skip")) continue;
    const pair = [light(getComputedStyle(e).color), light(behind(e))].sort();
    const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (contrast < 4.5) found.push("contrast " + contrast.toFixed(2) + ": " + e.outerHTML.slice(0, 80));
  }
  return found;
})()`

func TestBrowserAccessible(t *testing.T) {
	script := axe(t)
	for _, name := range []string{"light", "dark"} {
		t.Run(name, func(t *testing.T) {
			b := openPage(t, sample(300), scheme(name))
			b.run(chromedp.Click(".older summary", chromedp.ByQuery))
			for _, problem := range value[[]string](b, problems) {
				t.Error(problem)
			}
			if script == "" {
				return
			}
			b.run(chromedp.Evaluate(script, nil))
			violations := value[[]struct {
				ID, Help string
				Nodes    []json.RawMessage
			}](b, `axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations.map((v) => ({ID: v.id, Help: v.help, Nodes: v.nodes.map((n) => ({html: n.html.slice(0, 200), why: n.failureSummary}))})))`)
			for _, violation := range violations {
				t.Errorf("%s: %s: %s", violation.ID, violation.Help, violation.Nodes)
			}
		})
	}
}
