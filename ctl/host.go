package ctl

import (
	"context"
	"errors"
	"fmt"
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

	"usher.internal/ctl/terminal"
	"usher.internal/internal/config"
)

// parallelDefault is how many hosts are asked at a time.
const parallelDefault = 16

// hostFlags say which Macs are asked.
type hostFlags struct {
	hosts    []string
	file     string
	parallel int
}

func (h *hostFlags) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&h.hosts, "host", nil,
		"ask usherd on another Mac through ssh: `ssh://[user@]host[:port]`; may be given several times")
	flags.StringVar(&h.file, "hosts-file", "", "ask the Macs that stand in this `file`, one a line")
	flags.IntVar(&h.parallel, "parallel", parallelDefault, "with several hosts: ask this many at a time")
}

func (h *hostFlags) given() bool { return len(h.hosts) > 0 || h.file != "" }

// host is another Mac, as ssh knows it.
type host struct {
	// user and port are empty where ssh's own configuration decides.
	user, name, port string
}

// String is the host as it was given.
func (h host) String() string {
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
func (h host) tryIt() string {
	return "try `" + h.sshLine(config.PlatformDefaults("darwin").Programs+"/usherctl status") + "`"
}

// sshLine is how a person runs a command on the host.
func (h host) sshLine(command string) string {
	line, name := "ssh ", h.name
	if h.port != "" {
		line += "-p " + h.port + " "
	}
	if h.user != "" {
		name = h.user + "@" + name
	}
	if strings.Contains(name, `\`) {
		name = terminal.Quote(name)
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
func parseHost(text string) (host, error) {
	given := text
	if !strings.Contains(given, "://") {
		given = "ssh://" + given
	}
	_, address, _ := strings.Cut(given, "://")
	refuse := func(why string) (host, error) {
		return host{}, fmt.Errorf("%q: %s; it is ssh://[user@]host[:port]", text, why)
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
	return host{user: parsed.User.Username(), name: parsed.Hostname(), port: parsed.Port()}, nil
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
func (h *hostFlags) targets() (all []host, err error) {
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
	for _, text := range h.hosts {
		if err := add(text); err != nil {
			return nil, fmt.Errorf("--host is %w", err)
		}
	}
	if h.file == "" {
		return all, nil
	}
	_, err = readList(h.file, add)
	if _, wrong := errors.AsType[*lineError](err); wrong {
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

// readsAfar marks commands that may be run against another Mac.
const readsAfar = "reads-afar"

// afar lets a command be run against another Mac, or several. It must be one that reads.
func (a *app) afar(command *cobra.Command) *cobra.Command {
	run := command.RunE
	command.Annotations = map[string]string{readsAfar: "yes"}
	command.RunE = func(command *cobra.Command, arguments []string) error {
		if a.host != nil { // one of several
			return run(command, arguments)
		}
		targets, err := a.hostFlags.targets()
		switch {
		case err != nil:
			return err
		case len(targets) == 0:
			return run(command, arguments)
		case len(targets) == 1 && a.hostFlags.file == "":
			a.goTo(targets[0], false)
			return run(command, arguments)
		}
		return a.askSeveral(command.Context(), targets)
	}
	return command
}

// goTo has another Mac asked in place of this one.
func (a *app) goTo(target host, oneOfSeveral bool) {
	a.host, a.oneOfSeveral = &target, oneOfSeveral
	a.Elsewhere = func(ctx context.Context) (*grpc.ClientConn, error) { return a.connectSSH(ctx, target) }
}

// checkHosts refuses another Mac for a command that acts, or that is about this one.
func (a *app) checkHosts(command *cobra.Command) error {
	if !a.hostFlags.given() || command.Annotations[readsAfar] != "" {
		return nil
	}
	return errors.New("--host goes with commands that read: status, registrations, doctor and timeline; `" +
		command.CommandPath() + "` is for this Mac alone")
}
