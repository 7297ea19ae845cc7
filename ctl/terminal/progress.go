package terminal

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// Bar shows progress to a person on standard error: as a bar on a terminal, as one line elsewhere. It shows nothing for
// work that ends in a moment. It is used by one goroutine.
type Bar struct {
	terminal *Terminal
	what     string
	started  time.Time
	drawn    bool
	shown    bool
}

const (
	// barAfter is when a bar appears, lineAfter when the line does; barWidth is in characters.
	barAfter  = 300 * time.Millisecond
	lineAfter = 2 * time.Second
	barWidth  = 30
)

// Progress returns a bar for work; what is its name.
func (t *Terminal) Progress(what string) *Bar {
	return &Bar{terminal: t, what: what, started: time.Now()}
}

// Show shows that done of total are done. If total is 0, it is not known.
func (p *Bar) Show(done, total int) {
	running := time.Since(p.started)
	switch {
	case p.terminal.JSON:
	case p.terminal.PersonReadsErr && running >= barAfter:
		p.drawn = true
		text := fmt.Sprintf("%d", done)
		if total > 0 {
			filled := min(barWidth, done*barWidth/total)
			text = fmt.Sprintf("[%s%s] %d of %d", strings.Repeat("#", filled), strings.Repeat(".", barWidth-filled),
				done, total)
		}
		fmt.Fprintf(p.terminal.Err, "\r\x1b[K%s %s, %s", p.what, text, running.Truncate(time.Second))
	case !p.terminal.PersonReadsErr && running >= lineAfter && !p.shown:
		p.shown = true
		text := fmt.Sprintf("%d", done)
		if total > 0 {
			text = fmt.Sprintf("%d of %d", done, total)
		}
		fmt.Fprintf(p.terminal.Err, "%s… %s\n", p.what, text)
	}
}

// End removes the bar.
func (p *Bar) End() {
	if p.drawn {
		fmt.Fprint(p.terminal.Err, "\r\x1b[K")
		p.drawn = false
	}
}

// AfterAWhile prints what takes so long, unless it has ended by then. The returned function ends it, and returns when
// nothing is being printed.
func (t *Terminal) AfterAWhile(what string) (ended func()) {
	if t.JSON {
		return func() {}
	}
	said := make(chan struct{})
	timer := time.AfterFunc(2*time.Second, func() {
		defer close(said)
		fmt.Fprintln(t.Err, what)
	})
	return sync.OnceFunc(func() {
		if !timer.Stop() {
			<-said
		}
	})
}
