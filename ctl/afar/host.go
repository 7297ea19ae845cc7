// Package afar has usherctl ask usherd on other Macs, through the ssh of its caller: one Mac as if it were this
// one, or several at a time, whose answers become one table. Its two hidden commands are what usherctl runs at the
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

// Hosts are the Macs that a command is run against in place of this one, by its --host and what goes with that.
type Hosts struct {
	// Client is made to ask the one Mac, where it is one.
	Client *ask.Client
	// Run runs the same command against one of several Macs, with its output as JSON.
	Run func(ctx context.Context, one Host, to io.Writer) answer.ExitCode

	named    []string
	file     string
	parallel int
	// host is the Mac that is asked; nil for this one, and while several are.
	host *Host
	// oneOfSeveral is set where nobody is to be asked for a password, and the answer goes into a table.
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

// OneOfSeveral reports whether other Macs are asked the same.
func (h *Hosts) OneOfSeveral() bool { return h.oneOfSeveral }

// goTo has another Mac asked in place of this one.
func (h *Hosts) goTo(target Host) {
	h.host = &target
	h.Client.Elsewhere = func(ctx context.Context) (*grpc.ClientConn, error) { return h.connect(ctx, target) }
}

// The names of the flags of commands that may be run against other Macs.
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

// Given reports whether a command was told to ask another Mac.
func Given(command *cobra.Command) bool {
	return command.Flags().Changed(hostFlag) || command.Flags().Changed(fileFlag)
}

// FlagError says of the flags for other Macs which commands have them, where one does not. Other errors are returned as
// they are. It is for [cobra.Command.SetFlagErrorFunc].
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
	// user and port are empty where ssh's own configuration decides.
	user, name, port string
}

// String is the host as it was given.
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

// tryIt is a hint at the command by which one sees what ssh itself says. It has the path of usherctl on a Mac, which is
// not in the PATH that ssh gives to a command.
func (h Host) tryIt() string {
	return "try `" + h.sshLine(layout.MacOS.Control()+" status") + "`"
}

// sshLine is how a person runs a command on the host.
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

// hostName is what ssh is given, if it is no address: nothing that it, or a shell behind it, would take for something
// else.
var hostName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-Za-z_][0-9A-Za-z_.-]*$`) })
var addressZone = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-Za-z_.-]*$`) })
var userName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-Za-z_][0-9A-Za-z_.@\\+-]*$`) })

// isHost tells whether ssh can be given a host.
func isHost(name string) bool {
	if address, err := netip.ParseAddr(name); err == nil {
		return addressZone().MatchString(address.Zone())
	}
	return hostName().MatchString(name)
}

// parseHost reads ssh://[user@]host[:port], of which ssh:// may be left out. An error begins with what was given,
// without a password.
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
		return refuse("an IPv6 address stands in brackets")
	}
	parsed, err := url.Parse(given)
	if err != nil {
		text = withoutPassword(text)
		return refuse("it is no URL")
	}
	_, password := parsed.User.Password()
	if password {
		text = parsed.Redacted()
	}
	switch {
	case parsed.Scheme != "ssh":
		return refuse("hosts are reached through ssh alone")
	case password:
		return refuse("ssh takes no password from a URL")
	case parsed.Path != "" && parsed.Path != "/", parsed.RawQuery != "", parsed.Fragment != "":
		return refuse("it has more than a user, a host and a port")
	case !isHost(parsed.Hostname()):
		return refuse("it names no host")
	case parsed.User.Username() != "" && !userName().MatchString(parsed.User.Username()):
		return refuse("the user is none that ssh takes")
	}
	if port := parsed.Port(); port != "" {
		if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
			return refuse("the port is not a number from 1 to 65535")
		}
	}
	return Host{user: parsed.User.Username(), name: parsed.Hostname(), port: parsed.Port()}, nil
}

// withoutPassword is a text that is no URL, without what may be a password in it.
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

// targets are the Macs that are asked; none for this one.
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

// Reads lets a command that reads be run against another Mac. With a table it may be run against several.
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
