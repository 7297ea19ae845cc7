// Command jamfpro-sim serves a simulated Jamf Pro on loopback, for users outside a Go test: the demo, other languages,
// a person with curl. When it serves, it writes its URL to the ready file, or to standard output.
//
//	jamfpro-sim --computer 'udid=4C4C4544-0042-3510-8052-B4C04F4E5032,serial=C02XK1ZZJGH5,name=Jane’s MacBook Pro'
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"usher.internal/sim/jamfpro"
)

// stopWithin is how long active requests may take to end after a signal.
const stopWithin = 5 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "jamfpro-sim:", err)
		os.Exit(1)
	}
}

// errUsage: the arguments are wrong, and a message has said so.
var errUsage = errors.New("wrong usage")

// settings are the arguments.
type settings struct {
	listen, readyFile string
	server            jamfpro.Options
}

// parse reads the arguments; it reports wrong ones on output and returns errUsage.
func parse(arguments []string, output io.Writer) (settings, error) {
	var read settings
	client := jamfpro.Client{}
	flags := flag.NewFlagSet("jamfpro-sim", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.StringVar(&read.listen, "listen", "127.0.0.1:0",
		"`address` to serve on; loopback only, since control under /sim needs no authentication")
	flags.StringVar(&read.readyFile, "ready-file", "", "`file` to write the URL to instead of standard output")
	flags.StringVar(&client.ID, "client-id", jamfpro.DefaultClientID, "`id` of the API client")
	flags.StringVar(&client.Secret, "client-secret", jamfpro.DefaultClientSecret, "its `secret`")
	flags.DurationVar(&client.TokenLifetime, "token-lifetime", 20*time.Minute, "how long its tokens live")
	flags.Func("privilege", "`name` of a privilege of its role; may be repeated, none means all",
		func(name string) error {
			client.Privileges = append(client.Privileges, name)
			return nil
		})
	flags.Func("computer", "`udid=…,serial=…,name=…` of an enrolled computer; may be repeated",
		func(text string) error {
			computer, err := parseComputer(text)
			read.server.Computers = append(read.server.Computers, computer)
			return err
		})
	flags.StringVar(&read.server.Version, "version", jamfpro.DefaultVersion,
		"the server's `version`, which decides whether the inventory's API has v2, v3 and v4")
	flags.BoolVar(&read.server.RetiredInHTML, "retired-in-html", false,
		"answer in HTML for missing versions of the inventory's API")
	flags.Func("environment-id", "simulate the gateway of Jamf's Platform API, with a client of this environment `id`",
		func(id string) error {
			read.server.Gateway = &jamfpro.Gateway{EnvironmentID: id}
			return nil
		})
	flags.Func("tenant-id", "simulate the gateway of Jamf's Platform API, with a client of this tenant `id`",
		func(id string) error {
			read.server.Gateway = &jamfpro.Gateway{TenantID: id}
			return nil
		})
	flags.BoolVar(&read.server.OlderTokenPath, "older-token-path", false, "serve tokens only at /api/oauth/token")
	flags.DurationVar(&read.server.ClusterLag, "cluster-lag", 0,
		"how long a new extension attribute is unknown to the cluster")
	flags.StringVar(&read.server.StateFile, "state", "", "`file` to keep the inventory in over restarts")
	if err := flags.Parse(arguments); errors.Is(err, flag.ErrHelp) {
		return read, err
	} else if err != nil {
		return read, errUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(output, "unexpected argument %q\n", flags.Arg(0))
		return read, errUsage
	}
	read.server.Clients = []jamfpro.Client{client}
	return read, nil
}

// parseComputer reads udid=…,serial=…,name=…; the name comes last and can contain commas.
func parseComputer(text string) (jamfpro.Computer, error) {
	var computer jamfpro.Computer
	for rest := text; rest != ""; {
		key, value, found := strings.Cut(rest, "=")
		if !found {
			return computer, fmt.Errorf("%q is not of the form key=value", rest)
		}
		rest = ""
		if key != "name" {
			value, rest, _ = strings.Cut(value, ",")
		}
		switch key {
		case "udid":
			computer.UDID = value
		case "serial":
			computer.SerialNumber = value
		case "name":
			computer.Name = value
		default:
			return computer, fmt.Errorf("key %q; allowed are udid, serial, name", key)
		}
	}
	if computer.UDID == "" {
		return computer, errors.New("udid is missing")
	}
	return computer, nil
}

// run serves until ctx ends.
func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) error {
	read, err := parse(arguments, stderr)
	if err != nil {
		return err
	}
	read.server.Logger = slog.New(slog.NewTextHandler(stderr, nil))
	server, err := jamfpro.New(read.server)
	if err != nil {
		return err
	}
	listener, err := listenOnLoopback(ctx, read.listen)
	if err != nil {
		return err
	}
	web := &http.Server{Handler: server, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(read.server.Logger.Handler(), slog.LevelDebug)}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()
	url := "http://" + listener.Addr().String()
	if err := announce(url, read.readyFile, stdout); err != nil {
		return errors.Join(err, web.Close(), serveError(<-served))
	}
	select {
	case err := <-served:
		return serveError(err)
	case <-ctx.Done():
	}
	server.Close()
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if err := web.Shutdown(patience); err != nil {
		err = web.Close()
		return errors.Join(err, serveError(<-served))
	}
	return serveError(<-served)
}

func serveError(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve: %w", err)
}

func listenOnLoopback(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", address, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("listen on %q: only loopback addresses are allowed, such as 127.0.0.1:0", address)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", address, err)
	}
	return listener, nil
}

// announce writes the server's URL; a ready file is complete as soon as it exists.
func announce(url, readyFile string, stdout io.Writer) error {
	if readyFile == "" {
		_, err := fmt.Fprintln(stdout, url)
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(readyFile), filepath.Base(readyFile)+".*")
	if err != nil {
		return fmt.Errorf("write ready file: %w", err)
	}
	_, err = fmt.Fprintln(temporary, url)
	if err = errors.Join(err, temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), readyFile)
	}
	if err != nil {
		os.Remove(temporary.Name())
		return fmt.Errorf("write ready file: %w", err)
	}
	return nil
}
