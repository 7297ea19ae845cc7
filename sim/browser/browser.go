// Package browser opens a page in headless Chromium, for the tests of pages. It checks what a person would see, and
// what a page must not do.
package browser

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
)

// Browser is one headless Chromium with one page.
type Browser struct {
	t   *testing.T
	ctx context.Context

	mu sync.Mutex
	// complaints are the page's messages on the console, its exceptions, and its requests.
	complaints []string
}

const executable = "/usr/bin/chromium"

// Open opens a page, and returns when the element with that id exists. A missing Chromium is a failure:
// scripts/install-test-dependencies installs it.
func Open(t *testing.T, html, id string, actions ...chromedp.Action) *Browser {
	t.Helper()
	if _, err := os.Stat(executable); err != nil {
		t.Fatalf("%v: run scripts/install-test-dependencies", err)
	}
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, []byte(html), 0o600); err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(executable), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1200, 900),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
	)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	ctx, cancelAllocator := chromedp.NewExecAllocator(ctx, options...)
	ctx, cancelBrowser := chromedp.NewContext(ctx)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx); cancelBrowser(); cancelAllocator(); cancel() })
	b := &Browser{t: t, ctx: ctx}
	chromedp.ListenTarget(ctx, b.listen)
	b.Run(append([]chromedp.Action{network.Enable(), cdplog.Enable(), runtime.Enable()}, actions...)...)
	b.Run(chromedp.Navigate("file://"+file), chromedp.WaitReady("#"+id))
	return b
}

func (b *Browser) listen(happened any) {
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

// Run runs actions.
func (b *Browser) Run(actions ...chromedp.Action) {
	b.t.Helper()
	if err := chromedp.Run(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// Value evaluates an expression of the page; it waits for the result of a promise.
func Value[T any](b *Browser, expression string) (result T) {
	b.t.Helper()
	b.Run(chromedp.Evaluate(expression, &result,
		func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	return result
}

// Want checks the value of an expression of the page.
func (b *Browser) Want(expression, want string) {
	b.t.Helper()
	if got := fmt.Sprint(Value[any](b, expression)); got != want {
		b.t.Errorf("%s is %q, want %q", expression, got, want)
	}
}

// Quiet checks that the page made no request, violated no policy and wrote nothing to the console.
func (b *Browser) Quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, complaint := range b.complaints {
		b.t.Error(complaint)
	}
}

// Screenshot saves a picture of the page in the folder that CI keeps, or in that of go test -artifacts.
func (b *Browser) Screenshot(name string) {
	b.t.Helper()
	var picture []byte
	b.Run(chromedp.FullScreenshot(&picture, 100))
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

// Scheme is the person's choice: light or dark.
func Scheme(name string) chromedp.Action {
	return emulation.SetEmulatedMedia().
		WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}})
}

// problems are usher's own checks: every control has a name, and everything is visible.
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

// Accessible checks that everybody can use the page, with usher's own checks and with axe-core.
func (b *Browser) Accessible() {
	b.t.Helper()
	for _, problem := range Value[[]string](b, problems) {
		b.t.Error(problem)
	}
	b.Run(chromedp.Evaluate(Script(b.t, "axe-core"), nil))
	violations := Value[[]struct {
		ID, Help string
		Nodes    []json.RawMessage
	}](b, `axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations.map((v) => ({ID: v.id, Help: `+
		`v.help, Nodes: v.nodes.map((n) => ({html: n.html.slice(0, 200), why: n.failureSummary}))})))`)
	for _, violation := range violations {
		b.t.Errorf("%s: %s: %s", violation.ID, violation.Help, violation.Nodes)
	}
}
