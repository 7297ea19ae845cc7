//go:build manuals

// With the build tag manuals, this file replaces main.go, and usherctl writes its own manual pages and completions: `go
// run -tags manuals ./cmd/usherctl DIRECTORY`. So the generator is not part of the usherctl that ships.
package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"usher.internal/ctl"
	"usher.internal/internal/version"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: SOURCE_DATE_EPOCH=SECONDS go run -tags manuals ./cmd/usherctl DIRECTORY")
		os.Exit(2)
	}
	if err := writeManuals(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "manuals:", err)
		os.Exit(1)
	}
}

// writeManuals writes man/usherctl.1, a page for each command, and completions/usherctl.bash, .zsh and .fish. The pages
// have the date of SOURCE_DATE_EPOCH, so the same sources produce the same pages.
func writeManuals(directory string) error {
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("read SOURCE_DATE_EPOCH, the date of the pages in seconds since 1970: %w", err)
	}
	date := time.Unix(seconds, 0).UTC()
	pages, completions := filepath.Join(directory, "man"), filepath.Join(directory, "completions")
	for _, one := range []string{pages, completions} {
		if err := os.MkdirAll(one, 0o755); err != nil {
			return err
		}
	}

	root := ctl.Commands()
	header := doc.GenManHeader{Section: "1", Date: &date, Source: "usher " + version.String(), Manual: "usher"}
	if err := writePages(root, header, pages); err != nil {
		return err
	}
	for shell, generate := range map[string]func(string) error{
		"bash": func(file string) error { return root.GenBashCompletionFileV2(file, true) },
		"zsh":  root.GenZshCompletionFile,
		"fish": func(file string) error { return root.GenFishCompletionFile(file, true) },
	} {
		if err := generate(filepath.Join(completions, "usherctl."+shell)); err != nil {
			return fmt.Errorf("write the completion of %s: %w", shell, err)
		}
	}
	return nil
}

// writePages writes the page of a command and those of the commands below it.
func writePages(command *cobra.Command, header doc.GenManHeader, directory string) error {
	if !command.IsAvailableCommand() && command.HasParent() {
		return nil
	}
	command.DisableAutoGenTag = true
	// The generator reads the text as Markdown.
	command.Long = strings.NewReplacer("<", `\<`, "*", `\*`).Replace(cmp.Or(command.Long, command.Short+"."))
	header.Title = "" // is the command's
	var page bytes.Buffer
	if err := doc.GenMan(command, &header, &page); err != nil {
		return fmt.Errorf("write the page of %s: %w", command.CommandPath(), err)
	}
	name := strings.ReplaceAll(command.CommandPath(), " ", "-") + "." + header.Section
	if err := os.WriteFile(filepath.Join(directory, name), asManual(page.Bytes(), header.Date), 0o644); err != nil {
		return fmt.Errorf("write the page of %s: %w", command.CommandPath(), err)
	}
	for _, one := range command.Commands() {
		if err := writePages(one, header, directory); err != nil {
			return err
		}
	}
	return nil
}

var (
	// option matches how the generator writes an option: a paragraph with a tab, and off or nothing as the value of an
	// option without one.
	option = regexp.MustCompile(`(?m)(?:^\.PP\n)?^(\\fB-.*?)(?:\[=false\]|="")?\n\t(.*)$`)
	// gap matches the blank lines before a request. They would be printed in addition to the space that the request
	// makes.
	gap = regexp.MustCompile(`\n\n+\.`)
)

// asManual turns the options into a list, and completes the date, which the generator does not do.
func asManual(page []byte, date *time.Time) []byte {
	page = option.ReplaceAll(page, []byte(".TP\n$1\n$2"))
	page = gap.ReplaceAll(page, []byte("\n."))
	return bytes.Replace(page, []byte(date.Format(`"Jan 2006"`)), []byte(date.Format(`"2006-01-02"`)), 1)
}
