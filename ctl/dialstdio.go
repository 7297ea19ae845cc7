package ctl

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher.internal/internal/applog"
	"usher.internal/internal/config"
	"usher.internal/internal/link"
)

// dialStdioCommand is what usherctl on another computer runs here, through ssh. Whoever runs it is usherd's caller, as
// with any other command.
func (a *app) dialStdioCommand() *cobra.Command {
	var announce bool
	command := &cobra.Command{
		Use:   "dial-stdio",
		Short: "Connect standard input and output to usherd: for usherctl --host ssh://…",
		Long: `Connect standard input and output to usherd. usherctl on another computer runs it through ssh, for --host
ssh://…. With --announce a line comes before usherd's first word, whatever becomes of the connection.`,
		Example: "  ssh mac.example.org " + config.PlatformDefaults("darwin").Programs + "/usherctl dial-stdio",
		Hidden:  true,
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := a.announce(announce); err != nil {
				return err
			}
			loaded, err := a.helperConfig()
			if err != nil {
				return err
			}
			dialing, cancel := context.WithTimeout(command.Context(), answerWithin)
			defer cancel()
			connection, err := link.DialConn(dialing, loaded.HelperSocket(), loaded.Development.HelperUID)
			if err != nil {
				return &failure{code: exitNoHelper, reason: "HELPER_UNREACHABLE",
					message: "usherd cannot be reached: " + err.Error(), hint: hintNoHelper()}
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
			if _, err := io.Copy(a.Out, connection); err != nil && !errors.Is(err, net.ErrClosed) {
				return &failure{code: exitNoHelper, reason: "HELPER_UNREACHABLE",
					message: "the connection to usherd was lost: " + err.Error(), hint: hintNoHelper()}
			}
			return nil
		},
	}
	addAnnounce(command.Flags(), &announce)
	return command
}

// announce writes the announcement, if it was asked for.
func (a *app) announce(asked bool) error {
	if !asked {
		return nil
	}
	_, err := io.WriteString(a.Out, announcement)
	return err
}

// sendLogsCommand is what `usherctl timeline --host` runs here, through ssh.
func (a *app) sendLogsCommand() *cobra.Command {
	var user string
	var announce bool
	command := &cobra.Command{
		Use: "send-logs",
		Short: "Write the logs of this Mac that the caller can read to standard output, as a zip archive: for " +
			"usherctl timeline --host ssh://…",
		Long: `Write the logs of this Mac that the caller can read, and that "usherctl timeline" reads here, to ` +
			`standard output as a zip archive.`,
		Example: "  ssh mac.example.org " + config.PlatformDefaults("darwin").Programs +
			"/usherctl send-logs > logs.zip",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			ctx := command.Context()
			if err := a.announce(announce); err != nil {
				return err
			}
			homes, err := homesOf(user)
			if err != nil {
				return err
			}
			var paths []string
			for _, home := range homes {
				paths = append(paths, applog.Places(home)...)
			}
			slices.Sort(paths)
			logs, err := applog.Find(ctx, slices.Compact(paths), applog.FindOptions{Optional: true})
			if ctx.Err() != nil {
				return explained(context.Cause(ctx))
			}
			if err != nil {
				return &failure{code: exitNotFound, reason: "LOG_NOT_FOUND", message: err.Error(),
					hint: "name another user"}
			}
			if err := sendLogs(ctx, a.Out, logs); err != nil {
				if ctx.Err() != nil {
					return explained(context.Cause(ctx))
				}
				return defect(err)
			}
			return nil
		},
	}
	command.Flags().StringVar(&user, "user", "", "those of this user `name`")
	addAnnounce(command.Flags(), &announce)
	return command
}

// sendLogs writes logs as an archive, whose comment is the zone of this Mac. What cannot be read is left out.
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

// zoneName is the name of this computer's zone, empty where it has none that another would know.
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

// fetchLogs has another Mac send its logs into a file, and returns its zone, nil where it is not known.
func (a *app) fetchLogs(ctx context.Context, target host, user string, file *os.File) (*time.Location, error) {
	arguments := []string{"send-logs", "--" + announceFlag}
	if user != "" {
		arguments = append(arguments, "--user="+user)
	}
	command := target.sshCommand(ctx, !a.oneOfSeveral, arguments...)
	complaint := &tail{limit: keptComplaint}
	written := &bounded{to: file, left: maximumFetched}
	skipped := &skipper{to: written}
	command.Stdout, command.Stderr = skipped, complaint
	quiet := a.AfterAWhile("fetching the logs of " + target.String() + "…")
	err := command.Run()
	quiet()
	printed := skipped.preamble.printed()
	switch {
	case ctx.Err() != nil:
		return nil, &failure{code: exitInterrupted, reason: "INTERRUPTED", message: "interrupted"}
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
		return nil, defect(err)
	}
	archive, err := applog.OpenZip(ctx, file, info.Size())
	if err != nil {
		return nil, target.unreachable("what it sent is no archive of logs",
			"install the same version of usher on both")
	}
	if archive.Comment == "" {
		return nil, nil
	}
	zone, err := time.LoadLocation(archive.Comment)
	if err != nil {
		return nil, nil //nolint:nilerr // a zone that is not known here is found from the logs
	}
	return zone, nil
}

// maximumFetched is how many bytes of packed logs are taken from another Mac.
const maximumFetched = 1 << 30

// bounded takes so many bytes, and then an error.
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
