package afar

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/ask"
	"usher.internal/ctl/homes"
	"usher.internal/internal/applog"
	"usher.internal/internal/layout"
	"usher.internal/internal/link"
)

// DialStdio is the command that usherctl on another computer runs here, through ssh. The user who runs it is usherd's
// caller, as with any other command.
func DialStdio(client *ask.Client) *cobra.Command {
	var announce bool
	command := &cobra.Command{
		Use:   "dial-stdio",
		Short: "Connect standard input and output to usherd: for usherctl --host ssh://…",
		Long: `Connect standard input and output to usherd. usherctl on another computer runs it through ssh, for --host
ssh://…. With --announce it first prints a line, even if the connection fails.`,
		Example: "  ssh mac.example.org " + layout.MacOS.Control() + " dial-stdio",
		Hidden:  true,
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := writeAnnouncement(client.Out, announce); err != nil {
				return err
			}
			loaded, err := client.HelperConfig()
			if err != nil {
				return err
			}
			dialing, cancel := context.WithTimeout(command.Context(), ask.AnswerWithin)
			defer cancel()
			connection, err := link.DialConn(dialing, loaded.HelperSocket(), loaded.Development.HelperUID)
			if err != nil {
				return &answer.Failure{Code: answer.ExitNoHelper, Reason: "HELPER_UNREACHABLE",
					Message: "usherd cannot be reached: " + err.Error(), Hint: answer.HintNoHelper()}
			}
			defer connection.Close()
			defer context.AfterFunc(command.Context(), func() { connection.Close() })()
			go func() {
				io.Copy(connection, command.InOrStdin())
				if half, ok := connection.(interface{ CloseWrite() error }); ok {
					half.CloseWrite()
				} else {
					connection.Close()
				}
			}()
			if _, err := io.Copy(client.Out, connection); err != nil && !errors.Is(err, net.ErrClosed) {
				return &answer.Failure{Code: answer.ExitNoHelper, Reason: "HELPER_UNREACHABLE",
					Message: "the connection to usherd was lost: " + err.Error(), Hint: answer.HintNoHelper()}
			}
			return nil
		},
	}
	addAnnounce(command.Flags(), &announce)
	return command
}

// writeAnnouncement writes the announcement, if it was asked for.
func writeAnnouncement(to io.Writer, asked bool) error {
	if !asked {
		return nil
	}
	_, err := io.WriteString(to, Announcement)
	return err
}

// SendLogs is the command that `usherctl timeline --host` runs here, through ssh.
func SendLogs(client *ask.Client) *cobra.Command {
	var user string
	var announce bool
	command := &cobra.Command{
		Use: "send-logs",
		Short: "Write the logs of this Mac that the caller can read to standard output, as a zip archive: for " +
			"usherctl timeline --host ssh://…",
		Long: `Write the logs of this Mac that the caller can read, and that "usherctl timeline" reads here, to ` +
			`standard output as a zip archive.`,
		Example: "  ssh mac.example.org " + layout.MacOS.Control() +
			" send-logs > logs.zip",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			ctx := command.Context()
			if err := writeAnnouncement(client.Out, announce); err != nil {
				return err
			}
			paths, err := homes.Logs(user)
			if err != nil {
				return err
			}
			logs, err := applog.Find(ctx, paths, applog.FindOptions{Optional: true})
			if ctx.Err() != nil {
				return answer.Explained(context.Cause(ctx))
			}
			if err != nil {
				return &answer.Failure{Code: answer.ExitNotFound, Reason: "LOG_NOT_FOUND", Message: err.Error(),
					Hint: "name another user"}
			}
			if err := sendLogs(ctx, client.Out, logs); err != nil {
				if ctx.Err() != nil {
					return answer.Explained(context.Cause(ctx))
				}
				return answer.Defect(err)
			}
			return nil
		},
	}
	command.Flags().StringVar(&user, "user", "", "those of this user `name`")
	addAnnounce(command.Flags(), &announce)
	return command
}

// sendLogs writes logs as an archive. The archive's comment is the time zone of this Mac. Logs that cannot be read are
// left out.
func sendLogs(ctx context.Context, to io.Writer, logs []applog.Log) error {
	archive := zip.NewWriter(to)
	if err := archive.SetComment(zoneName()); err != nil {
		return err
	}
	for _, log := range logs {
		content, err := log.Open(ctx)
		if err != nil {
			continue
		}
		file, err := archive.CreateHeader(&zip.FileHeader{
			Name: strings.ReplaceAll(strings.TrimPrefix(log.Name, "/"), "!", "/"), Method: zip.Deflate,
			Modified: log.Modified,
		})
		if err == nil {
			_, err = io.Copy(file, content)
		}
		content.Close()
		if err != nil {
			return fmt.Errorf("send %s: %w", log.Name, err)
		}
	}
	return archive.Close()
}

// zoneName returns the name of this computer's time zone, or "" if it has none that another computer would know.
func zoneName() string {
	if name := time.Local.String(); name != "Local" {
		return name
	}
	target, err := os.Readlink("/etc/localtime")
	if err != nil {
		return ""
	}
	_, name, _ := strings.Cut(target, "zoneinfo/")
	return strings.TrimPrefix(name, "default/")
}

// FetchLogs makes the other Mac send its logs into a file. It returns that Mac's time zone, or nil if it is not known.
func (h *Hosts) FetchLogs(ctx context.Context, user string, file *os.File) (*time.Location, error) {
	target := *h.host
	arguments := []string{"send-logs", "--" + announceFlag}
	if user != "" {
		arguments = append(arguments, "--user="+user)
	}
	command, err := target.sshCommand(ctx, !h.oneOfSeveral, arguments...)
	if err != nil {
		return nil, err
	}
	complaint := &tail{limit: keptComplaint}
	written := &bounded{to: file, left: maximumFetched}
	skipped := &skipper{to: written}
	command.Stdout, command.Stderr = skipped, complaint
	quiet := h.Client.AfterAWhile("fetching the logs of " + target.String() + "…")
	err = command.Run()
	quiet()
	printed := skipped.preamble.printed()
	switch {
	case ctx.Err() != nil:
		return nil, &answer.Failure{Code: answer.ExitInterrupted, Reason: "INTERRUPTED", Message: "interrupted"}
	case written.full:
		return nil, target.unreachable(fmt.Sprintf("its logs are more than %d MB", maximumFetched>>20),
			"run `usherctl timeline` on that Mac")
	case len(skipped.preamble.noise) > maximumNoise:
		return nil, target.tooNoisy(printed)
	case err != nil || !skipped.preamble.over:
		return nil, target.explainSSH(err, complaint.String(), printed)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, answer.Defect(err)
	}
	archive, err := applog.OpenZip(ctx, file, info.Size())
	if err != nil {
		return nil, target.unreachable("what it sent is not an archive of logs",
			"install the same version of usher on both")
	}
	if archive.Comment == "" {
		return nil, nil
	}
	zone, err := time.LoadLocation(archive.Comment)
	if err != nil {
		return nil, nil //nolint:nilerr // the logs show the offset of a zone that is not known here
	}
	return zone, nil
}

// maximumFetched is how many bytes of packed logs usherctl takes from another Mac.
const maximumFetched = 1 << 30

// bounded takes that many bytes, and then returns an error.
type bounded struct {
	to   io.Writer
	left int64
	full bool
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		b.full = true
		return 0, errors.New("too much")
	}
	return b.to.Write(p)
}
