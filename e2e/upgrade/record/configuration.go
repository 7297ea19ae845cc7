//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"howett.net/plist"

	"usher.internal/internal/config"
)

// set are values that differ from the defaults, for keys whose default shows little. A key that is not here gets its
// default, or, if that is empty, a path.
var set = map[string]any{
	"log_level":                     "debug",
	"admin_group":                   "staff",
	"portal.minimum_version":        "5.2504.0",
	"tenant.id":                     "8d6b9a52-2b7e-4f0c-9d6b-0f2f7c1f6a11",
	"tenant.cloud_host":             "login.microsoftonline.us",
	"registration.session_timeout":  "36h",
	"registration.sign_in_timeout":  "45m",
	"registration.identity_timeout": "90s",
	"identity.sources":              []string{"login_keychain", "platform_sso"},
	"identity.look_automatically":   false,
	"identity.look_interval":        "3h",
	"identity.heartbeat":            "48h",
	"identity.proof_of_possession":  true,
	"preflight.endpoints":           []string{"enterpriseregistration.windows.net:443", "login.microsoftonline.us:443"},
	"delivery.mode":                 "api",
	"delivery.computer_udid":        "4C4C4544-0042-3510-8052-B4C04F4E5032",
	"delivery.api.url":              "https://example.jamfcloud.com",
	"delivery.api.client_id":        "c7d0c2a4-3f9b-4b7a-a0a1-2f4be2c0e0d1",
	"jamf.gather_after_portal":      true,
	"listener.address":              "127.0.0.1:7443",
	"listener.allowed_names":        []string{"monitor.example.com", "desk@example.com"},
	"listener.personal_data":        false,
	"fleet.servers":                 []string{"tls://nats-1.example.com:4222", "tls://nats-2.example.com:4222"},
	"fleet.mac":                     "4C4C4544-0042-3510-8052-B4C04F4E5032",
	"fleet.personal_data":           false,
	"development.helper_uid":        501,
}

// configuration records the configuration with every key set, in each form that an admin can write. It also records how
// this version reads it.
func (p *play) configuration() error {
	var text strings.Builder
	managed := map[string]any{}
	for _, key := range config.Keys("linux") {
		value, chosen := set[key.Name]
		if !chosen {
			value = key.Default
			if value == "" {
				value = "/etc/usher/" + strings.ReplaceAll(key.Name, ".", "-")
			}
		}
		switch value := value.(type) {
		case []string:
			fmt.Fprintf(&text, "%s:\n", key.Name)
			for _, one := range value {
				fmt.Fprintf(&text, "  - %q\n", one)
			}
		case string:
			fmt.Fprintf(&text, "%s: %q\n", key.Name, value)
		default:
			fmt.Fprintf(&text, "%s: %v\n", key.Name, value)
		}
		nest(managed, strings.Split(key.Name, "."), value)
	}
	if err := os.WriteFile(filepath.Join(p.into, "config.yaml"), []byte(text.String()), 0o644); err != nil {
		return err
	}
	// macOS stores a profile's settings in /Library/Managed Preferences/org.usher.plist, a binary property list.
	preferences, err := plist.Marshal(managed, plist.BinaryFormat)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.into, "org.usher.plist"), preferences, 0o644); err != nil {
		return err
	}
	file := filepath.Join(p.into, "config.yaml")
	for name, arguments := range map[string][]string{
		"org.usher.mobileconfig": {"config", "profile", "--identifier", "com.example.usher", "--organization",
			"Example Inc."},
		"said/config.json": {"config", "show", "--json"},
	} {
		result, err := p.Run(p.ctx, p.Programs.Control, append([]string{"--config", file}, arguments...)...)
		if err != nil || result.ExitCode != 0 {
			return fmt.Errorf("usherctl %q ended with %d, %v: %s", arguments, result.ExitCode, err, result.Stderr)
		}
		content := strings.ReplaceAll(result.Stdout, file, "config.yaml")
		if err := os.WriteFile(filepath.Join(p.into, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// nest puts a value into dictionaries by the parts of its dotted key, as a form in Jamf Pro writes them.
func nest(dictionary map[string]any, path []string, value any) {
	if len(path) == 1 {
		dictionary[path[0]] = value
		return
	}
	inner, there := dictionary[path[0]].(map[string]any)
	if !there {
		inner = map[string]any{}
		dictionary[path[0]] = inner
	}
	nest(inner, path[1:], value)
}
