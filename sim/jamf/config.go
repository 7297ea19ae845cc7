package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	configVariable = "USHER_SIM_JAMF_CONFIG"
	configBeside   = "jamf.json"
	configSystem   = "/etc/usher-sim/jamf.json"

	// defaultComputerName has characters that break parsers of jamf.log: blanks and a curly apostrophe.
	defaultComputerName   = "Jane’s MacBook Pro"
	defaultLogFile        = "/var/log/jamf.log"
	defaultPreferences    = "/Library/Preferences/com.jamfsoftware.jamf.plist"
	defaultRequestTimeout = 60 * time.Second
)

// Config is the configuration file. Relative paths are relative to it. Unknown keys are errors.
type Config struct {
	// Server is the URL of sim/jamfpro, UDID the computer's key there.
	Server string `json:"server"`
	UDID   string `json:"udid"`
	// ComputerName is free text, as on a Mac.
	ComputerName string `json:"computer_name"`
	// UserName is the logged-in user: the user of policies that run without -username.
	UserName string   `json:"user_name"`
	LogFile  string   `json:"log_file"`
	Policies []Policy `json:"policies"`
	// ExtensionAttributes run at recon. Those of the directory follow the others: each file there is the script of the
	// extension attribute with the file's name without .sh.
	ExtensionAttributes          []ExtensionAttribute `json:"extension_attributes"`
	ExtensionAttributesDirectory string               `json:"extension_attributes_directory"`
	// Environment is added to that of scripts, NAME: value.
	Environment map[string]string `json:"environment"`
	// PreferencesFile is where manage writes microsoftCAEnabled, with the server's value for this computer.
	PreferencesFile          string `json:"preferences_file"`
	ConditionalAccessEnabled bool   `json:"conditional_access_enabled"`
	// LockFile makes a second recon wait; the default is the log file's path with .recon.lock.
	LockFile string `json:"lock_file"`
	// ReconDelay is the duration of a recon besides its scripts; RequestTimeout limits the wait for the server's
	// answer.
	ReconDelay     duration `json:"recon_delay"`
	RequestTimeout duration `json:"request_timeout"`
	// DistributionPoints are the sources of packages, in the order in which they are tried.
	DistributionPoints []DistributionPoint `json:"distribution_points"`
	// DeviceSignatureLost makes Jamf unable to act for this Mac, EnrollmentRefused makes Jamf Pro refuse to enrol it.
	DeviceSignatureLost bool `json:"device_signature_lost"`
	EnrollmentRefused   bool `json:"enrollment_refused"`
	// AllowNonRoot lets everyone run policy, recon and manage.
	AllowNonRoot bool `json:"allow_non_root"`
	// ExitCodes make verbs fail: a verb in here (policy, recon, manage, enroll) does nothing and ends with the code.
	ExitCodes map[string]int `json:"exit_codes"`
}

// Policy is a policy with at most one package and one script, which runs after it.
type Policy struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
	// Event is the custom trigger.
	Event   string `json:"event"`
	Package string `json:"package"`
	Script  string `json:"script"`
	// Parameters are the script's from $4 on, eight at most.
	Parameters []string `json:"parameters"`
}

// ExtensionAttribute is an extension attribute of input type SCRIPT.
type ExtensionAttribute struct {
	Name   string `json:"name"`
	Script string `json:"script"`
}

// duration is text like "1.5s" in JSON.
type duration time.Duration

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

// loadConfig reads the first configuration file that exists.
func loadConfig() (Config, error) {
	path := os.Getenv(configVariable)
	if path == "" {
		executable, err := os.Executable()
		if err != nil {
			return Config{}, fmt.Errorf("find configuration: %w", err)
		}
		path = filepath.Join(filepath.Dir(executable), configBeside)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			path = configSystem
		}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	config := Config{
		ComputerName: defaultComputerName, LogFile: defaultLogFile, PreferencesFile: defaultPreferences,
		ConditionalAccessEnabled: true, RequestTimeout: duration(defaultRequestTimeout),
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&config); err != nil {
		return Config{}, fmt.Errorf("read configuration %s: %w", path, err)
	}
	if config.LockFile == "" {
		config.LockFile = config.LogFile + ".recon.lock"
	}
	config.resolve(filepath.Dir(path))
	if err := config.validate(); err != nil {
		return Config{}, fmt.Errorf("read configuration %s: %w", path, err)
	}
	return config, nil
}

// resolve makes every path absolute.
func (c *Config) resolve(directory string) {
	paths := []*string{&c.LogFile, &c.ExtensionAttributesDirectory, &c.PreferencesFile, &c.LockFile}
	for i := range c.Policies {
		paths = append(paths, &c.Policies[i].Script)
	}
	for i := range c.ExtensionAttributes {
		paths = append(paths, &c.ExtensionAttributes[i].Script)
	}
	for _, path := range paths {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(directory, *path)
		}
	}
}

func (c *Config) validate() error {
	var ids []int
	for _, one := range c.Policies {
		switch {
		case one.Name == "":
			return fmt.Errorf("policy %d has no name", one.ID)
		case len(one.Parameters) > 8:
			return fmt.Errorf("policy %q has %d parameters; allowed are 8, $4 to $11", one.Name, len(one.Parameters))
		case slices.Contains(ids, one.ID):
			return fmt.Errorf("policy id %d occurs twice", one.ID)
		}
		ids = append(ids, one.ID)
	}
	return nil
}

// extensionAttributes returns those of the configuration and those of the directory, which are sorted by name.
func (c *Config) extensionAttributes() ([]ExtensionAttribute, error) {
	all := slices.Clone(c.ExtensionAttributes)
	if c.ExtensionAttributesDirectory == "" {
		return all, nil
	}
	entries, err := os.ReadDir(c.ExtensionAttributesDirectory)
	if err != nil {
		return nil, fmt.Errorf("find extension attributes: %w", err)
	}
	for _, entry := range entries {
		if entry.Type().IsRegular() && !strings.HasPrefix(entry.Name(), ".") {
			all = append(all, ExtensionAttribute{
				Name:   strings.TrimSuffix(entry.Name(), ".sh"),
				Script: filepath.Join(c.ExtensionAttributesDirectory, entry.Name()),
			})
		}
	}
	return all, nil
}
