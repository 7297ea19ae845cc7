// Package afar lets usherctl ask usherd on other Macs, through the caller's ssh. It asks one Mac as if it were this
// one, or several at a time and shows their answers as one table. Its two hidden commands are what usherctl runs at the
// other end.
package afar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/ask"
	"usher.internal/ctl/files"
	"usher.internal/internal/layout"
	"usher.internal/internal/shell"
)

// parallelDefault is how many hosts are asked at a time.
const parallelDefault = 16

// Hosts are the Macs that a command runs against instead of this one, from its flags --host, --hosts-file and
// --parallel.
type Hosts struct {
	// Client is set to ask the other Mac, if there is exactly one.
	Client *ask.Client
	// Run runs the same command against one of several Macs, with its output as JSON.
	Run func(ctx context.Context, one Host, to io.Writer) answer.ExitCode

	named    []string
	file     string
	parallel int
	// host is the Mac that is asked. It is nil for this Mac, and while several are asked.
	host *Host
	// oneOfSeveral is set for one of several Macs: nobody is asked for a password, and the answer goes into a table.
	oneOfSeveral bool
}

// OneOf returns the hosts of a command that runs against one of several Macs.
func OneOf(client *ask.Client, one Host) *Hosts {
	h := &Hosts{Client: client}
	h.goTo(one)
	h.oneOfSeveral = true
	return h
}

// Host is the Mac that is asked; nil for this one.
func (h *Hosts) Host() *Host { return h.host }

// OneOfSeveral reports whether other Macs are asked the same question.
func (h *Hosts) OneOfSeveral() bool { return h.oneOfSeveral }

// goTo asks another Mac instead of this one.
func (h *Hosts) goTo(target Host) {
	h.host = &target
	h.Client.Elsewhere = func(ctx context.Context) (*grpc.ClientConn, error) { return h.connect(ctx, target) }
}

// The names of the flags of commands that can run against other Macs.
const (
	hostFlag     = "host"
	fileFlag     = "hosts-file"
	parallelFlag = "parallel"
)

func (h *Hosts) addFlags(flags *pflag.FlagSet) {
	flags.StringArrayVar(&h.named, hostFlag, nil,
		"ask usherd on another Mac through ssh: `ssh://[user@]host[:port]`; may be given several times")
	flags.StringVar(&h.file, fileFlag, "", "ask the Macs that are in this `file`, one a line")
	flags.IntVar(&h.parallel, parallelFlag, parallelDefault, "with several hosts: ask this many at a time")
}

// Given reports whether a command is to ask another Mac.
func Given(command *cobra.Command) bool {
	return command.Flags().Changed(hostFlag) || command.Flags().Changed(fileFlag)
}

// FlagError completes the error of a command that does not have the flags for other Macs: it says which commands have
// them. It returns other errors as they are. It is for [cobra.Command.SetFlagErrorFunc].
func FlagError(command *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok || !slices.Contains([]string{hostFlag, fileFlag, parallelFlag}, unknown.GetSpecifiedName()) {
		return err
	}
	return fmt.Errorf("--%s goes with commands that read: status, registrations, doctor and timeline; "+
		"`%s` does not take it", unknown.GetSpecifiedName(), command.CommandPath())
}

// Host is another Mac, as ssh knows it.
type Host struct {
	// user and port are empty if ssh's own configuration decides.
	user, name, port string
}

// String returns the host as it was given.
func (h Host) String() string {
	shown := h.name
	if strings.Contains(shown, ":") {
		shown = "[" + shown + "]"
	}
	if h.user != "" {
		shown = h.user + "@" + shown
	}
	if h.port != "" {
		shown += ":" + h.port
	}
	return shown
}

// tryIt is a hint at the command that shows what ssh itself says. It has the full path of usherctl, because the PATH
// that ssh gives to a command on a Mac does not contain it.
func (h Host) tryIt() string {
	return "try `" + h.sshLine(layout.MacOS.Control()+" status") + "`"
}

// sshLine is the command line with which a person runs a command on the host.
func (h Host) sshLine(command string) string {
	line, name := "ssh ", h.name
	if h.port != "" {
		line += "-p " + h.port + " "
	}
	if h.user != "" {
		name = h.user + "@" + name
	}
	if strings.Contains(name, `\`) {
		name = shell.Quote(name)
	}
	return line + name + " " + command
}

// hostName is a name that ssh can be given if the host is not an address. Neither ssh nor a shell behind it can take it
// for something else.
var hostName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-Za-z_][0-9A-Za-z_.-]*$`) })
var addressZone = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-Za-z_.-]*$`) })
var userName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-Za-z_][0-9A-Za-z_.@\\+-]*$`) })

// isHost reports whether ssh can be given the host.
func isHost(name string) bool {
	if address, err := netip.ParseAddr(name); err == nil {
		return addressZone().MatchString(address.Zone())
	}
	return hostName().MatchString(name)
}

// parseHost reads [ssh://][user@]host[:port]. An error begins with the text that was given, without a password.
func parseHost(text string) (Host, error) {
	given := text
	if !strings.Contains(given, "://") {
		given = "ssh://" + given
	}
	_, address, _ := strings.Cut(given, "://")
	refuse := func(why string) (Host, error) {
		return Host{}, fmt.Errorf("%q: %s; it is ssh://[user@]host[:port]", text, why)
	}
	if _, err := netip.ParseAddr(address[strings.LastIndexByte(address, '@')+1:]); err == nil &&
		strings.Count(address, ":") > 1 {
		return refuse("an IPv6 address is in brackets")
	}
	parsed, err := url.Parse(given)
	if err != nil {
		text = withoutPassword(text)
		return refuse("it is not a URL")
	}
	_, password := parsed.User.Password()
	if password {
		text = parsed.Redacted()
	}
	switch {
	case parsed.Scheme != "ssh":
		return refuse("hosts are reached only through ssh")
	case password:
		return refuse("ssh takes no password from a URL")
	case parsed.Path != "" && parsed.Path != "/", parsed.RawQuery != "", parsed.Fragment != "":
		return refuse("it has more than a user, a host and a port")
	case !isHost(parsed.Hostname()):
		return refuse("it names no host")
	case parsed.User.Username() != "" && !userName().MatchString(parsed.User.Username()):
		return refuse("ssh does not take this user")
	}
	if port := parsed.Port(); port != "" {
		if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
			return refuse("the port is not a number from 1 to 65535")
		}
	}
	return Host{user: parsed.User.Username(), name: parsed.Hostname(), port: parsed.Port()}, nil
}

// withoutPassword returns a text that is not a URL, without the part that may be a password.
func withoutPassword(text string) string {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		scheme, rest = "", text
	} else {
		scheme += "://"
	}
	at := strings.LastIndexByte(rest, '@')
	colon := strings.IndexByte(rest, ':')
	if colon < 0 || at < colon {
		return text
	}
	return scheme + rest[:colon] + ":xxxxx" + rest[at:]
}

// targets returns the Macs that are asked; none for this one.
func (h *Hosts) targets() (all []Host, err error) {
	if h.parallel < 1 || h.parallel > 256 {
		return nil, fmt.Errorf("--parallel is %d; it is from 1 to 256", h.parallel)
	}
	add := func(text string) error {
		one, err := parseHost(text)
		if err == nil && !slices.Contains(all, one) {
			all = append(all, one)
		}
		return err
	}
	for _, text := range h.named {
		if err := add(text); err != nil {
			return nil, fmt.Errorf("--host is %w", err)
		}
	}
	if h.file == "" {
		return all, nil
	}
	_, err = files.ReadList(h.file, add)
	if _, wrong := errors.AsType[*files.LineError](err); wrong {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("--hosts-file: %w", err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("--hosts-file: %s names no host", h.file)
	}
	return all, nil
}

// Reads makes it possible to run a reading command against another Mac, and with a table against several.
func (h *Hosts) Reads(command *cobra.Command, table *Table) *cobra.Command {
	h.addFlags(command.Flags())
	run := command.RunE
	command.RunE = func(command *cobra.Command, arguments []string) error {
		if h.oneOfSeveral {
			return run(command, arguments)
		}
		targets, err := h.targets()
		switch {
		case err != nil:
			return err
		case len(targets) == 0:
			return run(command, arguments)
		case len(targets) == 1 && h.file == "":
			h.goTo(targets[0])
			return run(command, arguments)
		case table == nil:
			return fmt.Errorf("%s takes one --host: several can be asked with status, registrations list, "+
				"doctor and timeline", command.CommandPath())
		}
		return h.askSeveral(command.Context(), targets, *table)
	}
	return command
}
