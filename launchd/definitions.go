package launchd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/kardianos/service"

	"usher.internal/internal/layout"
)

// Definitions installs and removes the helper's definition in the platform's way.
type Definitions interface {
	// Install writes the definition, which must not exist yet, and makes the service manager start the helper with the
	// computer.
	Install(definition []byte) error
	// Remove deletes it. It is no error if it does not exist.
	Remove() error
}

// SystemDefinitions returns those of this computer, by github.com/kardianos/service. On macOS a definition is a
// property list in /Library/LaunchDaemons. On Linux it is an enabled unit in /etc/systemd/system. The error says that
// this computer has neither launchd nor systemd.
func SystemDefinitions(layout layout.Layout) (Definitions, error) {
	if platform := service.Platform(); platform != "darwin-launchd" && platform != "linux-systemd" {
		return nil, fmt.Errorf("%w: this computer is run by %q; launchd and systemd are supported",
			errors.ErrUnsupported, platform)
	}
	return &systemDefinitions{layout}, nil
}

type systemDefinitions struct{ layout layout.Layout }

// service is the library's model of the helper. Its template is our rendered text, with nothing left to fill in.
func (d *systemDefinitions) service(definition []byte) (service.Service, error) {
	name := layout.HelperLabel
	if !d.layout.Mac() {
		name = strings.TrimSuffix(layout.HelperUnit, ".service")
	}
	return service.New(nil, &service.Config{
		Name:       name,
		Executable: d.layout.Helper(),
		Option:     service.KeyValue{"LaunchdConfig": string(definition), "SystemdScript": string(definition)},
	})
}

// Install implements [Definitions].
func (d *systemDefinitions) Install(definition []byte) error {
	helper, err := d.service(definition)
	if err != nil {
		return fmt.Errorf("define %s: %w", d.layout.HelperDefinition, err)
	}
	if err := helper.Install(); err != nil {
		return fmt.Errorf("write %s: %w", d.layout.HelperDefinition, err)
	}
	// The library leaves the mode to the umask of the caller. launchd refuses a definition that a group may write.
	if err := os.Chmod(d.layout.HelperDefinition, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", d.layout.HelperDefinition, err)
	}
	return nil
}

// Remove implements [Definitions].
func (d *systemDefinitions) Remove() error {
	if _, err := os.Lstat(d.layout.HelperDefinition); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	helper, err := d.service(nil)
	if err != nil {
		return fmt.Errorf("remove %s: %w", d.layout.HelperDefinition, err)
	}
	if err := helper.Uninstall(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", d.layout.HelperDefinition, err)
	}
	return nil
}
