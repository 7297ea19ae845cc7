// Program recording runs a command and draws its output, with the real timing, as an animated SVG. `make pictures`
// makes those of the README from the real programs.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"html"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// The measures of the picture, in pixels and seconds.
const (
	lineHeight = 18
	letter     = 7.83
	margin     = 14
	titleBar   = 30
	// longestPause is the longest pause in the picture: a viewer does not wait for a build.
	longestPause = 1200 * time.Millisecond
	// shortestPause is the pause between lines that came at once, so a viewer can follow them.
	shortestPause = 60 * time.Millisecond
	// hold is how long the end is shown before the picture starts again.
	hold = 8 * time.Second
)

func main() {
	output := flag.String("output", "recording.svg", "write into this `file`")
	title := flag.String("title", "", "the title, which is shown as the command")
	rows := flag.Int("rows", 30, "the number of visible lines")
	columns := flag.Int("columns", 118, "cut lines after this number of letters")
	flag.Parse()
	if err := record(*output, *title, *rows, *columns, flag.Args()); err != nil {
		fmt.Fprintf(os.Stderr, "recording: %v\n", err)
		os.Exit(1)
	}
}

// line is a printed line, with the time since the line before it.
type line struct {
	text  string
	pause time.Duration
}

func record(output, title string, rows, columns int, command []string) error {
	if len(command) == 0 {
		return errors.New("there is no command to record")
	}
	reader, writer := io.Pipe()
	process := exec.Command(command[0], command[1:]...)
	process.Stdout, process.Stderr = writer, writer
	if err := process.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { err := process.Wait(); writer.Close(); ended <- err }()
	lines := []line{{text: "$ " + title}}
	last := time.Now()
	scanner := bufio.NewScanner(reader)
	for scanner.Scan() {
		now := time.Now()
		lines = append(lines, line{cut(scanner.Text(), columns), min(max(now.Sub(last), shortestPause), longestPause)})
		last = now
	}
	// A demonstration of a failure ends with its exit code.
	err := <-ended
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return err
	}
	if len(lines) < 2 {
		return errors.New("the command printed nothing")
	}
	return os.WriteFile(output, []byte(draw(lines, rows, columns)), 0o644)
}

func cut(text string, columns int) string {
	letters := []rune(strings.ToValidUTF8(text, "\uFFFD"))
	if len(letters) > columns {
		return string(letters[:columns-1]) + "…"
	}
	return string(letters)
}

// draw makes the picture: every line fades in at its time, and the lines move up when there are more than fit.
func draw(lines []line, rows, columns int) string {
	var whole time.Duration
	var times []time.Duration
	for _, l := range lines {
		whole += l.pause
		times = append(times, whole)
	}
	whole += hold
	share := func(at time.Duration) string { return fmt.Sprintf("%.4f", float64(at)/float64(whole)) }
	width, height := int(float64(columns)*letter)+2*margin, rows*lineHeight+2*margin+titleBar
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d `+
		`%[2]d" role="img" aria-label="Recording of %[3]s">`+"\n", width, height,
		html.EscapeString(strings.TrimPrefix(lines[0].text, "$ ")))
	out.WriteString(`<style>text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans ` +
		`Mono",monospace;fill:#d8dee9;white-space:pre}.head{fill:#88c0d0;` +
		`font-weight:bold}.bad{fill:#ff8a84}.good{fill:#8fd19e}.soft{fill:#8a93a3}</style>` + "\n")
	fmt.Fprintf(&out, `<rect width="%d" height="%d" rx="8" fill="#14171c"/><circle cx="18" cy="15" r="5" `+
		`fill="#ff5f57"/><circle cx="36" cy="15" r="5" fill="#febc2e"/><circle cx="54" cy="15" r="5" fill="#28c840"/>`+
		"\n", width, height)
	fmt.Fprintf(&out, `<svg x="0" y="%d" width="%d" height="%d"><g>`+"\n", titleBar, width, height-titleBar)
	if extra := len(lines) - rows; extra > 0 {
		var values, at []string
		values, at = append(values, "0 0"), append(at, "0")
		for i := range extra {
			values = append(values, fmt.Sprintf("0 %d", -(i+1)*lineHeight))
			at = append(at, share(times[rows+i]))
		}
		fmt.Fprintf(&out, `<animateTransform attributeName="transform" type="translate" calcMode="discrete" `+
			`values="%s" keyTimes="%s" dur="%.2fs" repeatCount="indefinite"/>`+"\n",
			strings.Join(values, ";"), strings.Join(at, ";"), whole.Seconds())
	}
	for i, l := range lines {
		if l.text == "" {
			continue
		}
		fmt.Fprintf(&out, `<text x="%d" y="%d"%s>%s`, margin, (i+1)*lineHeight, class(l.text),
			html.EscapeString(l.text))
		if times[i] > 0 {
			fmt.Fprintf(&out, `<animate attributeName="opacity" calcMode="discrete" values="0;1" keyTimes="0;%s" `+
				`dur="%.2fs" repeatCount="indefinite"/>`, share(times[i]), whole.Seconds())
		}
		out.WriteString("</text>\n")
	}
	out.WriteString("</g></svg>\n</svg>\n")
	return out.String()
}

// class is the style of a line.
func class(text string) string {
	switch {
	case strings.HasPrefix(text, "== "), strings.HasPrefix(text, "$ "):
		return ` class="head"`
	case strings.HasPrefix(text, "FAILED"), strings.Contains(text, "✗"), strings.HasPrefix(text, "usherctl: "):
		return ` class="bad"`
	case strings.HasPrefix(text, "SUCCEEDED"):
		return ` class="good"`
	case strings.HasPrefix(text, "hint: "):
		return ` class="soft"`
	}
	return ""
}
