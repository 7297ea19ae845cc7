// Package bundle gathers what a help desk needs into one archive: usherd's files, the logs that the caller can read,
// and the timeline that usherctl builds from both. It first shows what goes in. Names become pseudonyms unless the
// caller asks for the names.
package bundle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/ask"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/config"
	"usher.internal/internal/english"
	"usher.internal/internal/excerpt"
)

// commands are the commands of this package, with what they need.
type commands struct{ *ask.Client }

// bundleFlags are the flags of `usherctl bundle`.
type bundleFlags struct {
	user, output          string
	dryRun, yes, noRedact bool
}

// Command returns `usherctl bundle`.
func Command(client *ask.Client) *cobra.Command {
	c := commands{client}
	var flags bundleFlags
	command := &cobra.Command{
		Use:   "bundle",
		Short: "Gather what a help desk needs about a user's registration into one archive",
		Long: `Gather into one zip archive the state of a user, every check of doctor, the configuration without
secrets, and usherd's journal of the user's registrations. It also holds the logs of Company Portal, its SSO
extension, Jamf and usher around them, and the timeline as a page. What goes in is shown first. Names, ids and
addresses become pseudonyms unless --no-redact is given. Only its owner can read the archive; "usherctl
timeline ARCHIVE" shows it.

A user may ask for their own archive, which says nothing about other users; root and admins for anyone's.
Without usherd the archive holds only the files that the caller can read.`,
		Example: "  usherctl bundle --dry-run\n" +
			"  " + config.Sudo("bundle --user jane --output jane.zip"),
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return c.bundle(command, flags) },
	}
	set := command.Flags()
	set.StringVar(&flags.user, "user", "",
		"about this user `name` (default: yourself; for root, the user on the console)")
	set.StringVarP(&flags.output, "output", "o", "",
		"write into this new `file` (default: usher-support-DATE-TIME.zip in the current folder)")
	set.BoolVar(&flags.dryRun, "dry-run", false, "show what would go in, and write nothing")
	set.BoolVar(&flags.yes, "yes", false, "write without asking")
	set.BoolVar(&flags.noRedact, "no-redact", false, "leave names, ids and addresses as they are")
	return command
}

func (c commands) bundle(command *cobra.Command, flags bundleFlags) error {
	ctx := command.Context()
	if c.JSON && !flags.yes && !flags.dryRun {
		return errors.New("--json needs --yes or --dry-run, because it asks nobody")
	}
	b := &bundle{client: c.Client, redacted: !flags.noRedact, now: time.Now(), output: flags.output}
	if b.output == "" {
		b.output = b.now.Format("usher-support-20060102-150405.zip")
	}
	if _, err := os.Lstat(b.output); err == nil && !flags.dryRun {
		return alreadyThere(b.output)
	}
	if err := b.list(ctx, flags.user); err != nil {
		return err
	}
	if flags.dryRun && c.JSON {
		return c.Print(b.described(""))
	}
	if !c.JSON {
		b.print()
	}
	asks := !c.JSON && c.Person && term.IsTerminal(int(os.Stdin.Fd()))
	switch {
	case flags.dryRun:
		return nil
	case !flags.yes && !asks:
		return &answer.Failure{Code: answer.ExitUsage, Reason: "YES_NEEDED",
			Message: "nothing was written: there is no terminal to ask at", Hint: "--yes writes what is listed"}
	case !flags.yes:
		how := "with pseudonyms for names, ids and addresses"
		if !b.redacted {
			how = "with names, ids and addresses as they are"
		}
		agreed, err := terminal.Confirmed(ctx, command.InOrStdin(), c.Err,
			fmt.Sprintf("Write this into %s, %s?", b.output, how))
		if err != nil {
			return answer.Explained(err)
		}
		if !agreed {
			return &answer.Failure{Code: answer.ExitCancelled, Reason: "CANCELLED", Message: "nothing was written"}
		}
	}
	if err := b.gather(ctx); err != nil {
		return answer.Explained(err)
	}
	if c.JSON {
		return c.Print(b.described(b.output))
	}
	fmt.Fprintf(c.Out, "\n%s: %s, %s; %s\n", terminal.Plain(b.output), english.Count(len(b.files), "file"),
		size(b.bytes),
		map[bool]string{true: "names, ids and addresses are pseudonyms", false: "NOT redacted"}[b.redacted])
	for _, file := range b.files {
		if file.Problem != "" {
			fmt.Fprintf(c.Out, "  %s: %s\n", terminal.Plain(file.Name), terminal.Plain(file.Problem))
		}
	}
	return nil
}

// bundle is an archive in preparation.
type bundle struct {
	client   *ask.Client
	redacted bool
	now      time.Time
	output   string
	bytes    int64

	// user is the user whom the archive is about; home is where their logs are, or "" if that is not known.
	user accountOf
	// admin is true for a caller who may see data about other users.
	admin bool
	// privacy is made when it is first needed, see [bundle.others].
	privacy *excerpt.Privacy
	files   []*bundleFile
	// spans are when the user's attempts were, and zone is the Mac's time zone, after the logs were read.
	spans []excerpt.Span
	zone  *time.Location
	// problems are sentences about what is missing.
	problems []string
}

// accountOf returns a user's account.
type accountOf struct {
	name, fullName, home string
	uid                  uint32
}

// bundleFile is one file of an archive. docs/json.md has the names of its JSON.
type bundleFile struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	// Source is where it comes from: a path, usherd or usherctl.
	Source string `json:"source"`
	// Bytes is the maximum size until the file is there, and then its size.
	Bytes int64 `json:"bytes"`
	// Problem is a sentence about what is missing from it.
	Problem string `json:"problem,omitempty"`

	// fill writes its content; nil for a file that usherd sends.
	fill func(ctx context.Context, to *os.File) error
	// staged is where the content is until it is in the archive, or "" for none. modified is the last time that the log
	// was written.
	staged   string
	modified time.Time
}

// described is what --json prints; file is "" if none was written.
func (b *bundle) described(file string) any {
	type described struct {
		File     string        `json:"file,omitempty"`
		Bytes    int64         `json:"bytes,omitempty"`
		Redacted bool          `json:"redacted"`
		User     string        `json:"user"`
		Files    []*bundleFile `json:"files"`
		Problems []string      `json:"problems"`
	}
	return described{file, b.bytes, b.redacted, b.user.name, b.files, append([]string{}, b.problems...)}
}

// print shows what goes in.
func (b *bundle) print() {
	b.client.Field("user", b.user.name)
	for _, problem := range b.problems {
		b.client.Field("not there", problem)
	}
	fmt.Fprintln(b.client.Out)
	var rows [][]string
	for _, file := range b.files {
		rows = append(rows, []string{file.Name, size(file.Bytes), file.Source, file.Description})
	}
	b.client.Table([]string{"FILE", "AT MOST", "FROM", "WHAT"}, rows)
}

// find sets the user whom the archive is about, if usherd did not say: the named user, or the caller.
func (b *bundle) find(name string) error {
	account, err := user.Current()
	if name != "" {
		account, err = user.Lookup(name)
	}
	switch {
	case err != nil:
		return &answer.Failure{Code: answer.ExitNotFound, Reason: "USER_NOT_FOUND", Message: err.Error(),
			Hint: "name the account as `id` knows it"}
	case name == "" && os.Geteuid() == 0:
		return &answer.Failure{Code: answer.ExitUsage, Reason: "WRONG_USAGE",
			Message: "without usherd it is not known which user is meant", Hint: "name the user with --user"}
	}
	uid, _ := strconv.ParseUint(account.Uid, 10, 32) // the systems that usher runs on have numbers
	b.user = accountOf{name: account.Username, uid: uint32(uid)}
	b.findHome()
	return nil
}

// findHome sets where the user's logs are. For the caller it is $HOME.
func (b *bundle) findHome() {
	if b.user.uid == uint32(os.Getuid()) {
		b.user.home, _ = os.UserHomeDir() // "" is as good as the error
	}
	account, err := user.Lookup(b.user.name)
	switch {
	case err == nil:
		b.user.fullName = account.Name
		if b.user.home == "" {
			b.user.home = account.HomeDir
		}
	case b.user.home == "":
		b.problems = append(b.problems, "The user's home is not known, so their logs are missing: "+err.Error()+".")
	}
	if b.user.home != "" {
		b.user.home = filepath.Clean(b.user.home)
	}
}

func alreadyThere(path string) error {
	return &answer.Failure{Code: answer.ExitUsage, Reason: "OUTPUT_EXISTS",
		Message: path + " is there already, and is left as it is",
		Hint:    "name a new file with --output"}
}

// size is a number of bytes for a person, or "-" if it is not known.
func size(bytes int64) string {
	switch {
	case bytes <= 0:
		return "-"
	case bytes < 1000:
		return fmt.Sprintf("%d bytes", bytes)
	case bytes < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(bytes)/1e3)
	default:
		return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
	}
}
