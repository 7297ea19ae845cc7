package bundle

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/homes"
	"usher.internal/internal/applog"
	"usher.internal/internal/envelope"
	"usher.internal/internal/excerpt"
	"usher.internal/internal/timeline"
	"usher.internal/internal/timeline/page"
)

// fromHere is the source of files that usherctl makes itself.
const fromHere = "usherctl"

// pageName is the name of the timeline in the archive.
const pageName = "timeline.html"

// How much of a log goes in that the caller can read: the part around the attempts, or without any attempt the newest
// part.
const (
	maximumAround = 16 << 20
	maximumNewest = 1 << 20
)

// addConfiguration adds the configuration as usherctl reads it, if usherd does not send its own.
func (b *bundle) addConfiguration() {
	const name = "configuration.json"
	if slices.ContainsFunc(b.files, func(file *bundleFile) bool { return file.Name == name }) {
		b.admin = true
		return
	}
	loaded, err := b.client.LoadConfig()
	if err != nil {
		b.problems = append(b.problems, b.private(fmt.Sprintf("The configuration is missing: %v.", err)))
		return
	}
	b.files = append(b.files, &bundleFile{
		Name: name, Description: "the configuration, as `usherctl config show --json` shows it; it holds no secrets",
		Source: fromHere,
		fill: func(_ context.Context, to *os.File) error {
			values := loaded.Values()
			for i := range values {
				values[i].Value = b.private(values[i].Value)
			}
			data, err := envelope.Data(values)
			if err != nil {
				return err
			}
			return envelope.Envelope{Command: "config show", Data: data}.Write(to)
		},
	})
}

// addLogs adds the logs that the caller can read and usherd does not send.
func (b *bundle) addLogs(ctx context.Context) error {
	if b.user.home == "" {
		return nil
	}
	logs, err := applog.Find(ctx, applog.Places(b.user.home), applog.FindOptions{Below: b.user.home, Optional: true})
	if ctx.Err() != nil {
		return answer.Explained(context.Cause(ctx))
	}
	if err != nil {
		b.problems = append(b.problems, b.private(fmt.Sprintf("Some logs are missing: %v.", err)))
	}
	for _, log := range logs {
		if b.others() != nil && b.others().Knows(log.Name) {
			continue // its very name says who else is here
		}
		if slices.ContainsFunc(b.files, func(file *bundleFile) bool { return file.Source == log.Name }) {
			continue
		}
		file := &bundleFile{Name: b.nameOf(log.Name), Description: "a log, around the registrations", Source: log.Name,
			Bytes: min(log.Size, maximumAround), modified: log.Modified}
		file.fill = func(ctx context.Context, to *os.File) error { return b.copyLog(ctx, to, log, file) }
		b.files = append(b.files, file)
	}
	return nil
}

// nameOf is the name of a log in the archive: its path, with the user's name for their home, so that [timeline] knows
// whose log it is.
func (b *bundle) nameOf(source string) string {
	name := strings.ReplaceAll(source, "!", "/")
	if rest, ok := strings.CutPrefix(name, b.user.home+"/"); ok {
		name = "Users/" + b.user.name + "/" + rest
	}
	name = path.Join("logs", path.Clean("/"+name))
	for _, packed := range []string{".gz", ".bz2"} {
		name = strings.TrimSuffix(name, packed) // the archive holds the unpacked log
	}
	for again, plain := 2, name; slices.ContainsFunc(b.files,
		func(file *bundleFile) bool { return file.Name == name }); again++ {
		name = fmt.Sprintf("%s (%d)", plain, again)
	}
	return name
}

// others is what the archive must not contain: names of other users of this Mac. It is nil for root and admins, who may
// know them.
func (b *bundle) others() *excerpt.Privacy {
	if b.admin || os.Geteuid() == 0 {
		return nil
	}
	if b.privacy == nil {
		b.privacy = excerpt.NewPrivacy(
			excerpt.Person{Name: b.user.name, UID: b.user.uid, SignInNames: []string{b.user.fullName}},
			excerpt.PeopleIn(filepath.Dir(homes.Every)))
	}
	return b.privacy
}

// private returns a text as it may be in the archive.
func (b *bundle) private(text string) string {
	if others := b.others(); others != nil {
		return others.Without(text)
	}
	return text
}

// copyLog copies the part of a log around the attempts. A log outside the user's home is about all users of this Mac.
// From such a log it leaves out every entry that names another known user: an archive that is made without admin rights
// says nothing about others.
func (b *bundle) copyLog(ctx context.Context, to io.Writer, log applog.Log, file *bundleFile) error {
	from, err := log.Open(ctx)
	if err != nil {
		return err
	}
	defer from.Close()
	options := excerpt.Options{Spans: b.spans, Limit: maximumAround}
	if len(b.spans) == 0 {
		options.Limit = maximumNewest
	}
	switch others := b.others(); {
	case others == nil:
	case strings.HasPrefix(log.Name, b.user.home+"/"):
		options.Keep = func(record *applog.Record) bool { return !others.Knows(record.Raw) }
	default:
		options.Keep = others.NamesNobodyElse
	}
	result, err := excerpt.Copy(ctx, to, from, applog.Options{File: log.Name, Zone: b.zone, Modified: log.Modified},
		options)
	switch {
	case err != nil:
		return err
	case result.Kept == 0 && result.OutOfTime > 0:
		file.Problem = "Nothing in it is from around a registration."
	case result.LeftOut > 0:
		file.Problem = fmt.Sprintf("What may be about other users is left out (entries: %d).", result.LeftOut)
	case result.TooMany > 0:
		file.Problem = "It is only the newest part."
	}
	return nil
}

// findSpans finds when the user's attempts were, from usherd's files and the original logs.
func (b *bundle) findSpans(ctx context.Context, folder string) error {
	paths := homes.Existing([]string{filepath.Join(folder, "registrations.json"), filepath.Join(folder, "logs")})
	for _, file := range b.files {
		if file.fill != nil && file.Source != fromHere {
			before, _, _ := strings.Cut(file.Source, "!")
			paths = append(paths, before)
		}
	}
	slices.Sort(paths)
	logs, err := applog.Find(ctx, slices.Compact(paths), applog.FindOptions{Below: b.user.home, Optional: true})
	if err != nil {
		return err
	}
	report, err := timeline.Build(ctx, logs, timeline.Options{User: b.user.name})
	if err != nil {
		return err
	}
	b.zone = report.Location()
	for _, attempt := range report.Attempts {
		b.spans = append(b.spans, excerpt.Around(attempt.Begin, attempt.End))
	}
	return nil
}

// buildReport builds the timeline from the files in the folder.
func (b *bundle) buildReport(ctx context.Context, folder string) (*timeline.Report, error) {
	paths := homes.Existing([]string{filepath.Join(folder, "registrations.json"), filepath.Join(folder, "logs")})
	logs, err := applog.Find(ctx, paths, applog.FindOptions{})
	if err != nil {
		return nil, err
	}
	report, err := timeline.Build(ctx, logs,
		timeline.Options{User: b.user.name, Zone: b.zone, Lines: page.Lines, Now: b.now})
	if err != nil {
		return nil, err
	}
	for i := range report.Logs {
		report.Logs[i].Name = strings.TrimPrefix(report.Logs[i].Name, folder+"/")
	}
	return report, nil
}
