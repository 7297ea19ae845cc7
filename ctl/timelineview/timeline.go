// Package timelineview finds the logs of a Mac, and prints the timeline of its registration attempts as a text, JSON or
// a page. With --follow it continues as the logs grow.
package timelineview

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"usher.internal/ctl/afar"
	"usher.internal/ctl/answer"
	"usher.internal/ctl/ask"
	"usher.internal/ctl/files"
	"usher.internal/ctl/homes"
	"usher.internal/ctl/interruptible"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/applog"
	"usher.internal/internal/english"
	"usher.internal/internal/redact"
	"usher.internal/internal/timeline"
	"usher.internal/internal/timeline/page"
	usherv1 "usher.internal/proto/usher/v1"
)

// commands are the commands of this package, with what they need.
type commands struct {
	*ask.Client
	hosts *afar.Hosts
}

// timelineFlags are the flags of `usherctl timeline`.
type timelineFlags struct {
	user     string
	zone     string
	since    time.Duration
	attempt  int
	all      bool
	html     string
	redact   bool
	noRedact bool
	follow   bool
}

// Command returns `usherctl timeline`, which can ask the hosts.
func Command(client *ask.Client, hosts *afar.Hosts) *cobra.Command {
	c := commands{client, hosts}
	var flags timelineFlags
	command := &cobra.Command{
		Use:   "timeline [FILE|FOLDER|ARCHIVE...]",
		Short: "Show from logs what happened in a registration, and why it stopped",
		Long: `Read the logs of a Mac and show each registration attempt: what happened, what the time was spent on, how
it ended and what the first cause was, with the lines that show it and what to do.

Takes Company Portal's logs and those of its SSO extension, jamf.log, the output of "jamf policy", the unified
log as "log show" prints it in any style, usher's own, also compressed, and folders and archives (zip, tar) of
them. It recognises a file by its content (docs/log-formats.md). - is standard input. Without arguments it reads
this Mac's logs and usherd's journal.`,
		Example: `  # of this Mac
  usherctl timeline
  # what a user has sent
  usherctl timeline CompanyPortal.zip jamf.log unified.txt
  log show --info --last 1d | usherctl timeline - /var/log/jamf.log
  # as a page that can be sent on, without names
  usherctl timeline --html report.html ~/Downloads/logs
  # during a registration
  usherctl timeline --follow`,
		RunE: func(command *cobra.Command, arguments []string) error {
			options, err := flags.options(arguments)
			if err != nil {
				return err
			}
			input, release, err := interruptible.Input(command.Context(), command.InOrStdin())
			if err != nil {
				return answer.Defect(err)
			}
			defer release()
			if c.hosts.Host() != nil {
				return c.timelineOf(command.Context(), arguments, flags, options)
			}
			if flags.follow {
				return c.followTimeline(command.Context(), arguments, flags, options)
			}
			return c.timeline(command.Context(), arguments, input, flags, options)
		},
	}
	set := command.Flags()
	set.StringVar(&flags.user, "user", "", "only attempts of this user `name`")
	set.StringVar(&flags.zone, "zone", "",
		"the `zone` of the Mac, for logs that write local time, for example America/Chicago (default: as other logs "+
			"show, or this computer's)")
	set.DurationVar(&flags.since, "since", 0, "only attempts of the last `duration`, for example 48h")
	set.IntVar(&flags.attempt, "attempt", 0, "show the attempt of this `number` (default: the newest)")
	set.BoolVar(&flags.all, "all", false, "show every attempt in full")
	set.StringVar(&flags.html, "html", "",
		"write a page into this `file` (- is standard output), redacted unless --no-redact is given")
	set.BoolVar(&flags.redact, "redact", false,
		"replace names, ids and addresses by pseudonyms (with --html the default)")
	set.BoolVar(&flags.noRedact, "no-redact", false, "with --html: leave names, ids and addresses as they are")
	set.BoolVarP(&flags.follow, "follow", "f", false, "continue, and show what happens as the logs grow")
	return hosts.Reads(command, &afar.Table{Heading: heading, Rows: c.rows})
}

// options returns the options from the flags, or what is wrong with the flags.
func (f timelineFlags) options(arguments []string) (timeline.Options, error) {
	options := timeline.Options{User: f.user}
	switch {
	case f.redact && f.noRedact:
		return options, errors.New("--redact and --no-redact do not go together")
	case f.noRedact && f.html == "":
		return options, errors.New("--no-redact goes with --html: without it nothing is redacted but with --redact")
	case f.all && f.attempt != 0:
		return options, errors.New("--all and --attempt do not go together")
	case f.attempt < 0:
		return options, fmt.Errorf("--attempt is %d; attempts count from 1", f.attempt)
	case f.since < 0:
		return options, fmt.Errorf("--since is %s; it is a duration such as 48h", f.since)
	case f.follow && slices.Contains(arguments, "-"):
		return options, errors.New("--follow and - do not go together: standard input is read to its end")
	case f.follow && f.html != "":
		return options, errors.New("--follow and --html do not go together: a page does not change any more")
	}
	if f.zone != "" {
		zone, err := time.LoadLocation(f.zone)
		if err != nil {
			return options, fmt.Errorf("--zone is %q, which is not a known zone; it is a name such as "+
				"America/Chicago or UTC", f.zone)
		}
		options.Zone = zone
	}
	if f.since > 0 {
		options.Since = time.Now().Add(-f.since)
	}
	if f.html != "" {
		options.Lines = page.Lines
	}
	return options, nil
}

func (c commands) timeline(ctx context.Context, paths []string, input io.Reader, flags timelineFlags,
	options timeline.Options) error {
	if existing, err := os.Stat(flags.html); err == nil {
		for _, path := range paths {
			if log, err := os.Stat(path); err == nil && os.SameFile(existing, log) {
				return &answer.Failure{Code: answer.ExitUsage, Reason: "WRONG_USAGE",
					Message: fmt.Sprintf("--html %s is one of the logs, and would replace it", flags.html),
					Hint:    "name another file"}
			}
		}
	}
	logs, err := c.logsOf(ctx, paths, input, flags.user, &options)
	if err != nil {
		return err
	}
	return c.timelineFrom(ctx, logs, flags, options)
}

func (c commands) timelineFrom(ctx context.Context, logs []applog.Log, flags timelineFlags,
	options timeline.Options) error {
	quiet := c.AfterAWhile(fmt.Sprintf("reading %s…", english.Count(len(logs), "log")))
	report, err := timeline.Build(ctx, logs, options)
	quiet()
	if err != nil {
		return answer.Explained(err)
	}
	return c.showTimeline(ctx, report, flags)
}

// timelineOf shows the timeline of another Mac, from the logs that the user of ssh can read there.
func (c commands) timelineOf(ctx context.Context, paths []string, flags timelineFlags,
	options timeline.Options) error {
	switch {
	case len(paths) > 0:
		return errors.New("--host and files do not go together: with --host the logs are that Mac's own")
	case flags.follow:
		return errors.New("--host and --follow do not go together: logs are fetched once")
	case flags.html != "" && c.hosts.OneOfSeveral():
		return errors.New("--html takes one --host: a page is about one Mac")
	}
	file, err := os.CreateTemp("", "usher-logs-*.zip")
	if err == nil {
		defer file.Close()
		err = os.Remove(file.Name()) // so nothing remains of it, however usherctl ends
	}
	if err != nil {
		return &answer.Failure{Code: answer.ExitDefect, Reason: "FILE_NOT_READABLE",
			Message: fmt.Sprintf("the logs could not be kept: %v", err),
			Hint:    "make room in the folder for temporary files"}
	}
	zone, err := c.hosts.FetchLogs(ctx, flags.user, file)
	if err != nil {
		return err
	}
	if options.Zone == nil {
		options.Zone = zone
	}
	options.Registrations = c.journal(ctx, flags.user)
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return answer.Defect(err)
	}
	logs, err := applog.Find(ctx, []string{"-"}, applog.FindOptions{Input: file})
	if err != nil {
		return answer.Explained(err)
	}
	for i := range logs { // where they were on that Mac
		_, name, _ := strings.Cut(logs[i].Name, "!")
		logs[i].Name = cmp.Or(name, logs[i].Name)
	}
	return c.timelineFrom(ctx, logs, flags, options)
}

// showTimeline prints a report, or writes it as a page.
func (c commands) showTimeline(ctx context.Context, report *timeline.Report, flags timelineFlags) error {
	chosen, err := flags.choose(report)
	if err != nil {
		return err
	}
	if flags.redact || flags.html != "" && !flags.noRedact {
		if err := flags.redacted(ctx, report); err != nil {
			return answer.Explained(err)
		}
		if chosen, err = flags.choose(report); err != nil {
			return err
		}
	}
	switch {
	case flags.html != "":
		about, err := files.Writer{Printer: c.Printer}.Page(ctx, flags.html,
			func(to io.Writer) error { return page.Write(interruptible.Writer(ctx, to), report) })
		switch {
		case err != nil:
			return err
		case c.JSON && about == c.Out: // otherwise only the page
			return c.Print(map[string]any{"file": flags.html, "attempts": len(report.Attempts),
				"redacted": report.Redacted})
		case c.JSON:
			return nil
		}
		fmt.Fprintf(about, "%s: %s, %s\n", terminal.Plain(flags.html),
			english.Count(len(report.Attempts), "attempt"),
			map[bool]string{true: "names, ids and addresses are pseudonyms", false: "NOT redacted"}[report.Redacted])
		return nil
	case c.JSON:
		return c.Print(report)
	}
	newTimelineText(c.Terminal, report).print(chosen)
	return nil
}

// redacted puts pseudonyms into a report, in place.
func (f timelineFlags) redacted(ctx context.Context, report *timeline.Report) error {
	return redact.Report(ctx, report, redact.New(redact.Options{Users: []string{f.user}}))
}

// choose returns the attempts that are shown in full.
func (f timelineFlags) choose(report *timeline.Report) ([]timeline.Attempt, error) {
	attempts := report.Attempts
	switch {
	case f.attempt != 0:
		at := slices.IndexFunc(attempts, func(one timeline.Attempt) bool { return one.Number == f.attempt })
		if at < 0 {
			return nil, &answer.Failure{Code: answer.ExitNotFound, Reason: "ATTEMPT_NOT_FOUND",
				Message: fmt.Sprintf("there is no attempt %d in these logs", f.attempt),
				Hint:    "`usherctl timeline` without --attempt lists them"}
		}
		return attempts[at : at+1], nil
	case f.all || len(attempts) <= 1:
		return attempts, nil
	}
	return attempts[len(attempts)-1:], nil
}

// logsOf finds the logs in paths. Without paths it finds this Mac's, and usherd is then asked for its journal too.
func (c commands) logsOf(ctx context.Context, paths []string, input io.Reader, user string,
	options *timeline.Options) ([]applog.Log, error) {
	ofThisMac := len(paths) == 0
	if ofThisMac {
		var err error
		if paths, err = homes.Logs(user); err != nil {
			return nil, err
		}
		options.Registrations = c.journal(ctx, user)
	}
	quiet := c.AfterAWhile("looking for logs…")
	logs, err := applog.Find(ctx, paths, applog.FindOptions{Input: input, Optional: ofThisMac})
	quiet()
	if ctx.Err() != nil {
		return nil, answer.Explained(context.Cause(ctx))
	}
	if err != nil {
		return nil, &answer.Failure{Code: answer.ExitNotFound, Reason: "LOG_NOT_FOUND", Message: err.Error(),
			Hint: "name files, folders or archives that exist"}
	}
	if len(logs) == 0 && len(options.Registrations) == 0 {
		return nil, &answer.Failure{Code: answer.ExitNotFound, Reason: "LOG_NOT_FOUND", Message: "no log was found",
			Hint: "name files, folders or archives, for example `usherctl timeline ~/Downloads/logs`"}
	}
	return logs, nil
}

// journal asks usherd for its journal. Without usherd, or without the right to ask, only the logs are used.
func (c commands) journal(ctx context.Context, user string) []*usherv1.Registration {
	var registrations []*usherv1.Registration
	err := c.Ask(ctx, func(ctx context.Context, connection *grpc.ClientConn) error {
		list, err := usherv1.NewRegistrationServiceClient(connection).ListRegistrations(ctx,
			&usherv1.ListRegistrationsRequest{User: user})
		registrations = list.GetRegistrations()
		return err
	})
	if err != nil && !c.JSON {
		fmt.Fprintf(c.Err, "usherctl: without usherd's journal: %s\n", terminal.Plain(err.Error()))
	}
	return registrations
}

// heading is the heading of the table of several Macs.
var heading = []string{"USER", "BEGAN", "OUTCOME", "WHAT HAPPENED"}

// rows is the row of one of several Macs: its newest attempt.
func (c commands) rows(data []json.RawMessage) (rows [][]string) {
	for _, content := range data {
		var report timeline.Report
		if json.Unmarshal(content, &report) != nil || len(report.Attempts) == 0 {
			continue
		}
		last := report.Attempts[len(report.Attempts)-1]
		rows = append(rows, []string{terminal.Dash(last.User), c.Moment(last.Begin), string(last.Outcome),
			last.Verdict.Sentence})
	}
	return rows
}
