package bundle

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/interruptible"
	"usher.internal/internal/foreign"
	"usher.internal/internal/personal"
	"usher.internal/internal/redact"
	"usher.internal/internal/timeline"
	"usher.internal/internal/timeline/page"
	"usher.internal/internal/version"
)

// readMeName is the name of the file that explains the archive.
const readMeName = "README.txt"

// gather first puts everything into a folder of its own, because redaction reads it twice, and then into the archive.
func (b *bundle) gather(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "usher-support-")
	if err != nil {
		return unwritten(err)
	}
	defer os.RemoveAll(folder)
	ended := b.client.AfterAWhile("examining this Mac, and gathering what there is…")
	err = b.fill(ctx, folder)
	ended()
	if err != nil {
		return err
	}
	ended = b.client.AfterAWhile("writing the archive…")
	defer ended()
	report, err := b.buildReport(ctx, folder)
	if err != nil {
		return err
	}
	redactor, err := b.redactor(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return unwritten(err)
	}
	return b.write(ctx, redactor, report)
}

// fill puts the files into the folder. If one of them cannot be read, its entry says why.
func (b *bundle) fill(ctx context.Context, folder string) error {
	if err := b.collect(ctx, folder); err != nil {
		failed, ok := errors.AsType[*answer.Failure](err)
		if !ok || failed.Code != answer.ExitNoHelper {
			return err
		}
		b.problems = append(b.problems,
			b.private(fmt.Sprintf("usherd has not sent all that it has: %s.", failed.Message)))
	}
	if err := b.findSpans(ctx, folder); err != nil {
		return err
	}
	for _, file := range b.files {
		if file.fill == nil {
			continue
		}
		to, err := stage(folder, file)
		if err != nil {
			return unwritten(err)
		}
		filled := file.fill(ctx, to)
		if err := to.Close(); err != nil {
			return unwritten(err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if filled != nil {
			file.Problem = b.private(fmt.Sprintf("It is not whole: %v.", filled))
		}
		if info, err := os.Stat(file.staged); err == nil && info.Size() == 0 {
			file.staged = "" // an empty file is of no use
			continue
		}
		if !file.modified.IsZero() { // a log without years is read by its time
			if err := os.Chtimes(file.staged, file.modified, file.modified); err != nil {
				return unwritten(err)
			}
		}
	}
	return nil
}

// redactor returns one that has learnt from everything that goes in, or nil.
func (b *bundle) redactor(ctx context.Context) (*redact.Redactor, error) {
	if !b.redacted {
		return nil, nil
	}
	known := redact.Options{Users: []string{b.user.name, b.user.fullName}}
	if computer, err := os.Hostname(); err == nil {
		first, _, _ := strings.Cut(computer, ".")
		known.Computers = []string{computer, first}
	}
	redactor := redact.New(known)
	for _, file := range b.files {
		redactor.LearnText(file.Name + "\n" + file.Source + "\n")
		if file.staged == "" {
			continue
		}
		from, err := os.Open(file.staged)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(redactor.LearnFrom(ctx, from), from.Close()); err != nil {
			return nil, err
		}
		if file.fill == nil && file.Source != fromHere && path.Ext(file.Name) == ".json" {
			if err := learnNames(redactor, file.staged); err != nil {
				return nil, err
			}
		}
	}
	return redactor, nil
}

// learnNames teaches a redactor the names in usherd's messages about this Mac and its users: the messages mark their
// personal texts. If a file cannot be read, the redactor relies on what it finds in the file itself.
func learnNames(redactor *redact.Redactor, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(content) {
		texts, _ := personal.Texts(line)
		for _, text := range texts {
			redactor.LearnName(text)
		}
	}
	return nil
}

// write writes the whole archive, or nothing. Only its owner can read it, and an existing file is not replaced.
func (b *bundle) write(ctx context.Context, redactor *redact.Redactor, report *timeline.Report) error {
	err := foreign.Create(b.output, 0o600, foreign.Keep, func(to *os.File) error {
		archive := &archive{zip: zip.NewWriter(to), redactor: redactor, at: b.now}
		for _, file := range b.files {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if file.staged == "" {
				continue
			}
			var err error
			if file.Bytes, err = archive.copy(ctx, file); err != nil {
				return err
			}
		}
		err := errors.Join(b.addPage(ctx, archive, report), b.addReadMe(archive), archive.zip.Close())
		if info, statErr := to.Stat(); statErr == nil {
			b.bytes = info.Size()
		}
		return err
	})
	switch {
	case ctx.Err() != nil && err != nil:
		return ctx.Err()
	case errors.Is(err, fs.ErrExist):
		return alreadyThere(b.output)
	case err != nil:
		return unwritten(err)
	}
	return nil
}

// archive is a zip archive that is being written.
type archive struct {
	zip *zip.Writer
	// redactor is nil where nothing is redacted.
	redactor *redact.Redactor
	at       time.Time
}

// text returns a text as it goes into the archive.
func (a *archive) text(text string) string {
	if a.redactor == nil {
		return text
	}
	return a.redactor.Text(text)
}

func (a *archive) create(name string, at time.Time) (io.Writer, error) {
	if at.IsZero() {
		at = a.at
	}
	header := &zip.FileHeader{Name: a.text(name), Method: zip.Deflate, Modified: at}
	header.SetMode(0o600)
	return a.zip.CreateHeader(header)
}

// copy adds the staged content of a file, and returns how many bytes it wrote.
func (a *archive) copy(ctx context.Context, file *bundleFile) (int64, error) {
	from, err := os.Open(file.staged)
	if err != nil {
		return 0, err
	}
	defer from.Close()
	entry, err := a.create(file.Name, file.modified)
	if err != nil {
		return 0, err
	}
	to := &counted{to: entry}
	if a.redactor == nil {
		_, err = io.Copy(to, interruptible.Reader(ctx, from))
	} else {
		err = a.redactor.Copy(ctx, to, from)
	}
	return to.bytes, err
}

// counted counts the written bytes.
type counted struct {
	to    io.Writer
	bytes int64
}

func (c *counted) Write(p []byte) (int, error) {
	written, err := c.to.Write(p)
	c.bytes += int64(written)
	return written, err
}

func (b *bundle) addPage(ctx context.Context, archive *archive, report *timeline.Report) error {
	if archive.redactor != nil {
		if err := redact.Report(ctx, report, archive.redactor); err != nil {
			return err
		}
	}
	entry, err := archive.create(pageName, b.now)
	if err != nil {
		return err
	}
	to := &counted{to: entry}
	err = page.Write(interruptible.Writer(ctx, to), report)
	for _, file := range b.files {
		if file.Name == pageName {
			file.Bytes = to.bytes
		}
	}
	return err
}

// addReadMe adds the file that explains the others.
func (b *bundle) addReadMe(archive *archive) error {
	entry, err := archive.create(readMeName, b.now)
	if err != nil {
		return err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "Support archive about %s, written by usherctl %s at %s.\n", b.user.name, version.String(),
		b.now.UTC().Format(time.RFC3339))
	text.WriteString("Read it with `usherctl timeline ARCHIVE`, or open " + pageName + " in a browser.\n\n")
	for _, problem := range b.problems {
		text.WriteString(problem + "\n\n")
	}
	for _, file := range b.files {
		fmt.Fprintf(&text, "%s (%s)\n  %s; from %s\n", file.Name, size(file.Bytes), file.Description, file.Source)
		if file.Problem != "" {
			fmt.Fprintf(&text, "  %s\n", file.Problem)
		}
	}
	content := archive.text(text.String())
	if archive.redactor == nil {
		content += "\nNothing is redacted: this archive holds names, ids and addresses as they are.\n"
	} else {
		content += "\nRedacted: the same thing has the same pseudonym in all files, and no list says which is which.\n"
		for _, count := range archive.redactor.Counts() {
			content += fmt.Sprintf("  %s: %d\n", count.Kind, count.Of)
		}
		content += "Tokens and long data are left out. A name that nothing marks as a name " +
			"may be left: look it through.\n"
	}
	_, err = io.WriteString(entry, content)
	return err
}

func unwritten(err error) error {
	return &answer.Failure{Code: answer.ExitDefect, Reason: "OUTPUT_FAILED",
		Message: fmt.Sprintf("the archive could not be written: %v", err),
		Hint:    "name a file in a folder that you may write to, on a disk that has room"}
}
