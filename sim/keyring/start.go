package keyring

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/keybase/dbus"
)

const (
	secretServiceName = "org.freedesktop.secrets"
	// busConfiguration has no service directories, so nothing is started on demand. Every user may connect, for the
	// sake of root: nobody else can enter the socket's directory.
	busConfiguration = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=%s</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
`
)

// startBus starts the session bus and connects to it. The bus prints its address when it listens.
func (k *Keyring) startBus(ctx context.Context) error {
	configuration := filepath.Join(k.directory, "bus.conf")
	content := fmt.Sprintf(busConfiguration, filepath.Join(k.directory, "bus"))
	if err := os.WriteFile(configuration, []byte(content), 0o644); err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	k.bus, err = k.run("dbus-daemon", nil, write, "--config-file="+configuration, "--nofork", "--nopidfile",
		"--print-address=1")
	write.Close()
	if err != nil {
		return err
	}
	// The pipe ends with the bus; a bus that prints nothing ends with ctx.
	stop := context.AfterFunc(ctx, func() { _ = read.SetReadDeadline(past) })
	defer stop()
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		return fmt.Errorf("read address of session bus: %w%s", err, k.bus.remarks())
	}
	k.address = strings.TrimSpace(line)

	// The connection outlives ctx, which limits only the start.
	connected, disconnect := context.WithCancel(context.WithoutCancel(ctx))
	k.disconnect = disconnect
	stopConnecting := context.AfterFunc(ctx, disconnect)
	defer stopConnecting()
	if k.connection, err = dbus.Connect(k.address, dbus.WithContext(connected)); err != nil {
		return fmt.Errorf("connect to session bus: %w", err)
	}
	return nil
}

// startDaemon starts gnome-keyring. It waits for the bus to report an owner for the name of the Secret Service.
// gnome-keyring takes that name after it has opened the login keyring.
func (k *Keyring) startDaemon(ctx context.Context) error {
	changes := make(chan *dbus.Signal, 16)
	k.connection.Signal(changes)
	defer k.connection.RemoveSignal(changes)
	match := []dbus.MatchOption{
		dbus.WithMatchSender("org.freedesktop.DBus"), dbus.WithMatchInterface("org.freedesktop.DBus"),
		dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchOption("arg0", secretServiceName),
	}
	if err := k.connection.AddMatchSignal(match...); err != nil {
		return fmt.Errorf("follow names on session bus: %w", err)
	}
	defer k.connection.RemoveMatchSignal(match...)

	arguments := []string{"--foreground", "--components=secrets",
		"--control-directory=" + filepath.Join(k.directory, "control")}
	if !k.options.NoLoginKeyring {
		arguments = append(arguments, "--unlock") // it creates it, too
	}
	var err error
	if k.daemon, err = k.run("gnome-keyring-daemon", strings.NewReader(password), nil, arguments...); err != nil {
		return err
	}
	for {
		select {
		case change := <-changes:
			if change == nil {
				return fmt.Errorf("session bus ended%s", k.bus.remarks())
			}
			if isNowOwned(change) {
				return nil
			}
		case <-k.daemon.done:
			return fmt.Errorf("gnome-keyring-daemon ended: %w%s", k.daemon.err, k.daemon.remarks())
		case <-ctx.Done():
			return fmt.Errorf("wait for gnome-keyring-daemon: %w%s", context.Cause(ctx), k.daemon.remarks())
		}
	}
}

// isNowOwned reports whether the signal announces the Secret Service: name, old owner, new owner.
func isNowOwned(change *dbus.Signal) bool {
	if change.Name != "org.freedesktop.DBus.NameOwnerChanged" || len(change.Body) != 3 ||
		change.Body[0] != secretServiceName {
		return false
	}
	owner, _ := change.Body[2].(string)
	return owner != ""
}
