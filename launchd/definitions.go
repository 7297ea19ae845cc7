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

// Definitions puts the helper's definition in place and takes it away, as the platform wants it.
type Definitions interface {
	// Install writes the definition, which must not be there, and has the service manager start the helper with the
	// computer.
	Install(definition []byte) error
	// Remove takes it away again; it is no error that it is not there.
	Remove() error
}

// SystemDefinitions returns those of the computer that this runs on, by github.com/kardianos/service: a property list
// in /Library/LaunchDaemons, or a unit in /etc/systemd/system that is enabled. The error says that this computer has
// neither launchd nor systemd.
func SystemDefinitions(layout layout.Layout) (Definitions, error) {
	if platform := service.Platform(); platform != "darwin-launchd" && platform != "linux-systemd" {
		return nil, fmt.Errorf("%w: this computer is run by %q; launchd and systemd are supported",
			errors.ErrUnsupported, platform)
	}
	return &systemDefinitions{layout}, nil
}

type systemDefinitions struct{ layout layout.Layout }

// service is the library's notion of the helper. Its template is what we rendered, with nothing left to fill in.
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
	// The library leaves the mode to the umask of whoever calls; launchd refuses a definition that a group may write.
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
