package fleetcommands

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher.internal/ctl/files"
	"usher.internal/ctl/fleetpage"
	"usher.internal/ctl/fleetview"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/english"
	"usher.internal/internal/oneline"
)

// trendDays is how many days a page's trend covers.
const trendDays = 30

// statusFlags are the flags of `usherctl fleet status`.
type statusFlags struct {
	filters []string
	timeout time.Duration
	csv     bool
	html    string
}

func (c *commands) fleetStatusCommand() *cobra.Command {
	var flags statusFlags
	command := &cobra.Command{
		Use:   "status",
		Short: "Ask all Macs for their state: counts by state, and a table",
		Long: `Ask all Macs at once, and count them by state (docs/states.md). A Mac that does not answer is shown
with its last known state and its age. One that answers twice, with garbage or as somebody else is shown as such,
and counted once. The exit code is 0 if the fleet could be asked, whatever the states of its Macs.`,
		Example: `  usherctl fleet status
  usherctl fleet status --filter state=NOT_REGISTERED,ORPHANED --filter answer=SILENT
  usherctl fleet status --html fleet.html`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := validWait(flags.timeout); err != nil {
				return err
			}
			if flags.csv && (c.JSON || flags.html != "") || c.JSON && flags.html != "" {
				return errors.New("--json, --csv and --html do not go together")
			}
			filter, err := parseFilters(flags.filters)
			if err != nil {
				return err
			}
			return c.askFleet(command.Context(), func(client *fleetview.Client) error {
				return c.fleetStatus(command.Context(), client, flags, filter)
			})
		},
	}
	set := command.Flags()
	set.StringArrayVar(&flags.filters, "filter", nil,
		"only Macs with `KEY=VALUE[,VALUE]`, of "+strings.Join(filterNames(), ", ")+
			"; * matches anything; all filters must match")
	set.DurationVar(&flags.timeout, "timeout", 5*time.Second,
		"wait at most this long for answers; it is over earlier when all known Macs have answered")
	set.BoolVar(&flags.csv, "csv", false, "print one line for each Mac as comma-separated values")
	set.StringVar(&flags.html, "html", "",
		"write a page into this `file` (- is standard output): a chart, a table that can be searched, the "+
			"trend of 30 days")
	return command
}

// validWait refuses a --timeout for a question to the fleet that is out of range.
func validWait(timeout time.Duration) error {
	if timeout < 100*time.Millisecond || timeout > 10*time.Minute {
		return fmt.Errorf("--timeout is %s; it is from 100ms to 10m", timeout)
	}
	return nil
}

func (c *commands) fleetStatus(ctx context.Context, client *fleetview.Client, flags statusFlags,
	filter func(fleetview.Standing) bool) error {
	bar := c.Progress("asking the fleet")
	report, err := client.Ask(ctx, fleetview.Question{Timeout: flags.timeout, Progress: bar.Show})
	bar.End()
	if err != nil {
		return err
	}
	report.Keep(filter, flags.filters)
	if flags.html != "" {
		quiet := c.AfterAWhile("reading the changes of the last days…")
		report.Trend, err = client.Trend(ctx, trendDays, time.Now())
		quiet()
		if err != nil {
			report.Warnings = append(report.Warnings, "The trend could not be read: "+err.Error()+".")
		}
		about, err := files.Writer{Printer: c.Printer}.Page(ctx, flags.html,
			func(to io.Writer) error { return fleetpage.Write(to, report) })
		if err != nil {
			return err
		}
		fmt.Fprintf(about, "%s: %s\n", terminal.Plain(flags.html), english.Count(len(report.Macs), "Mac"))
		return nil
	}
	if c.JSON {
		return c.Print(report)
	}
	for _, warning := range report.Warnings {
		fmt.Fprintf(c.Err, "usherctl: %s\n", terminal.Plain(warning))
	}
	if flags.csv {
		writeCSV(c.Out, report)
	} else {
		c.printFleet(report)
	}
	return nil
}

// printFleet prints counts and a table.
func (c *commands) printFleet(report *fleetview.Report) {
	var rows [][]string
	if c.Person { // a program has the list of Macs, and counts them itself
		for _, one := range report.Counts {
			rows = append(rows, []string{one.State, strconv.Itoa(one.Macs), strconv.Itoa(one.Answered),
				strconv.Itoa(one.Silent), strconv.Itoa(one.Garbage)})
		}
		c.Table([]string{"STATE", "MACS", "ANSWERED", "SILENT", "GARBAGE"}, rows)
		fmt.Fprintln(c.Out)
	}
	rows = nil
	for _, one := range report.Macs {
		seen := one.Seen.UTC().Format(time.RFC3339)
		if c.Person {
			seen = terminal.Ago(one.Seen, time.Now())
		}
		rows = append(rows, []string{one.Mac, terminal.Dash(one.Computer), terminal.Dash(one.User), one.State,
			string(one.Answer),
			seen, terminal.Dash(one.Registration), terminal.Dash(one.Version),
			terminal.Dash(strings.Join(one.Notes, "; "))})
	}
	c.Table([]string{"MAC", "COMPUTER", "USER", "STATE", "ANSWER", "SEEN", "LAST REGISTRATION", "USHERD", "NOTES"},
		rows)
}

// csvColumns are the columns of --csv; more may be added at the end.
var csvColumns = []struct {
	name  string
	value func(fleetview.Standing) string
}{
	{"mac", func(s fleetview.Standing) string { return s.Mac }},
	{"answer", func(s fleetview.Standing) string { return string(s.Answer) }},
	{"state", func(s fleetview.Standing) string { return s.State }},
	{"seen", func(s fleetview.Standing) string { return s.Seen.UTC().Format(time.RFC3339) }},
	{"computer", func(s fleetview.Standing) string { return s.Computer }},
	{"user", func(s fleetview.Standing) string { return s.User }},
	{"operating_system", func(s fleetview.Standing) string { return s.OperatingSystem }},
	{"version", func(s fleetview.Standing) string { return s.Version }},
	{"registration", func(s fleetview.Standing) string { return s.Registration }},
	{"instances", func(s fleetview.Standing) string { return strconv.Itoa(s.Instances) }},
	{"problem_count", func(s fleetview.Standing) string { return strconv.Itoa(s.ProblemCount) }},
	{"problems", func(s fleetview.Standing) string { return strings.Join(s.Problems, " ") }},
	{"notes", func(s fleetview.Standing) string { return strings.Join(s.Notes, "; ") }},
}

// writeCSV does not check each write: the writer keeps the first error.
func writeCSV(to io.Writer, report *fleetview.Report) {
	writer := csv.NewWriter(to)
	var heading []string
	for _, column := range csvColumns {
		heading = append(heading, column.name)
	}
	writer.Write(heading)
	for _, mac := range report.Macs {
		var row []string
		for _, column := range csvColumns {
			row = append(row, oneline.Cell(column.value(mac)))
		}
		writer.Write(row)
	}
	writer.Flush()
}

// filterKeys are the columns by which Macs can be chosen.
var filterKeys = map[string]func(fleetview.Standing) string{
	"state":            func(s fleetview.Standing) string { return s.State },
	"answer":           func(s fleetview.Standing) string { return string(s.Answer) },
	"mac":              func(s fleetview.Standing) string { return s.Mac },
	"computer":         func(s fleetview.Standing) string { return s.Computer },
	"user":             func(s fleetview.Standing) string { return s.User },
	"version":          func(s fleetview.Standing) string { return s.Version },
	"operating_system": func(s fleetview.Standing) string { return s.OperatingSystem },
	"registration":     func(s fleetview.Standing) string { return s.Registration },
}

func filterNames() []string {
	var names []string
	for name := range filterKeys {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// parseFilters returns a function that reports whether a Mac matches all filters. Case is ignored.
func parseFilters(filters []string) (func(fleetview.Standing) bool, error) {
	type condition struct {
		value    func(fleetview.Standing) string
		patterns []string
	}
	var conditions []condition
	for _, filter := range filters {
		name, values, found := strings.Cut(filter, "=")
		value := filterKeys[strings.ToLower(strings.TrimSpace(name))]
		if !found || value == nil {
			return nil, fmt.Errorf("--filter is %q; it is KEY=VALUE, and the keys are %s", filter,
				strings.Join(filterNames(), ", "))
		}
		one := condition{value: value}
		for pattern := range strings.SplitSeq(values, ",") {
			pattern = strings.ToLower(strings.TrimSpace(pattern))
			if _, err := path.Match(pattern, ""); err != nil {
				return nil, fmt.Errorf("--filter is %q: %q is not a pattern; * matches anything, ? one character",
					filter, pattern)
			}
			one.patterns = append(one.patterns, pattern)
		}
		conditions = append(conditions, one)
	}
	return func(mac fleetview.Standing) bool {
		return !slices.ContainsFunc(conditions, func(one condition) bool {
			// A * in a pattern does not match a slash, but a reason or a name may contain one.
			text := strings.ReplaceAll(strings.ToLower(one.value(mac)), "/", "\x00")
			return !slices.ContainsFunc(one.patterns, func(pattern string) bool {
				fits, _ := path.Match(strings.ReplaceAll(pattern, "/", "\x00"), text)
				return fits
			})
		})
	}, nil
}
