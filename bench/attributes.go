package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"usher.internal/internal/wpj"
	"usher.internal/useragent/keychain"
)

// The goals of an extension attribute: at most a quarter of a shell script's time, and 0.8 of curl's.
const (
	attributeShellGoal = 0.25
	attributeCurlGoal  = 0.8
)

// inventoryAttributes are the ten that a recon asks for, one after another.
var inventoryAttributes = []string{"state", "detail", "source", "contradictions", "result", "device-id", "tenant-id",
	"upn", "as-of", "last-registration"}

// inventories is how often all of them are asked for.
const inventories = 10

// shellAttribute is an extension attribute like those that admins use [BW-EA2]. As the user, it asks the login keychain
// for the certificate, Platform SSO for its state, and Jamf's preferences for the result. securityRole is the stand-in
// for /usr/bin/security; it reads the user's real keyring.
const shellAttribute = `#!/bin/sh
as_user() { setpriv --reuid=%[1]d --regid=%[2]d --clear-groups env %[3]s "$@"; }
certificate=$(as_user %[4]s %[5]s find-certificate -a | grep -i MS-ORGANIZATION-ACCESS)
platform=$(as_user %[6]s platform -s | grep registrationCompleted | awk '{print $3}')
plist=%[7]s/Library/Preferences/com.jamf.management.jamfAAD.plist
acquired=no
[ -f "$plist" ] && grep -q have_an_Azure_id "$plist" && acquired=yes
if [ -n "$certificate" ] || [ "$platform" = "true," ]; then
  echo "<result>Registered, AAD ID acquired: $acquired</result>"
else
  echo "<result>Not Registered</result>"
fi
`

// securityRole is the first argument that makes this program the stand-in for /usr/bin/security.
const securityRole = "security"

// playSecurity prints the certificates of the login keychain as `security find-certificate -a` does.
func playSecurity(ctx context.Context) error {
	certificates, err := keychain.Open().Certificates(ctx)
	if err != nil {
		return err
	}
	for _, one := range certificates {
		certificate, err := wpj.ParseCertificate(one.DER)
		if err != nil {
			continue
		}
		fmt.Printf("class: 0x80001000\nattributes:\n    \"alis\"<blob>=\"%s\"\n    \"issu\"<blob>=\"%s\"\n",
			string(certificate.DeviceID), strings.ToUpper(wpj.IssuerCommonName))
	}
	return nil
}

// measureAttributes measures `usherctl ea` beside a shell script and curl, once and as an inventory asks.
func measureAttributes(ctx context.Context, s *scene, a answers) (rows []row, err error) {
	security, err := publicCopy(s.Directory)
	if err != nil {
		return nil, err
	}
	script := filepath.Join(s.Directory, "attribute.sh")
	text := fmt.Sprintf(shellAttribute, s.user.UID, s.user.GID, strings.Join(s.user.Keyring.Environment(), " "),
		security, securityRole, s.Programs.AppSSO, s.user.Home)
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		return nil, err
	}
	// A script that fails half-way would look fast.
	if result, err := s.Run(ctx, script); err != nil ||
		result.Stdout != "<result>Registered, AAD ID acquired: no</result>\n" || result.Stderr != "" {
		return nil, fmt.Errorf("the shell script printed %q and %q: %w", result.Stdout, result.Stderr, err)
	}
	web, err := startReference("serve-http", filepath.Join(s.Directory, "attributes.sock"), a)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, web.stop()) }()
	attribute, shell := program(s.Programs.Control, "--config", s.ConfigFile(), "ea", "state"), program(script)
	curl := program("curl", "--silent", "--fail", "--unix-socket", web.socket, "http://localhost/status")
	if err := takeTurns(ctx, coldStarts, 1, attribute, shell, curl); err != nil {
		return nil, err
	}
	var ours []*subject
	for _, name := range inventoryAttributes {
		ours = append(ours, program(s.Programs.Control, "--config", s.ConfigFile(), "ea", name))
	}
	usher, scripts := oneAfterAnother(ours), oneAfterAnother(slices.Repeat([]*subject{program(script)}, len(ours)))
	if err := takeTurns(ctx, inventories, 1, usher, scripts); err != nil {
		return nil, err
	}
	return []row{
		attribute.beside(shell, "attribute: usherctl ea state", "shell script, security and grep",
			&goal{Ratio: attributeShellGoal}),
		attribute.beside(curl, "attribute: usherctl ea state", "curl --unix-socket, same status",
			&goal{Ratio: attributeCurlGoal}),
		usher.beside(scripts, "attributes: ten in a recon, usherctl ea", "ten shell scripts", nil),
	}, nil
}

// publicCopy puts this program where every user can run it.
func publicCopy(directory string) (path string, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	content, err := os.ReadFile(self)
	if err != nil {
		return "", err
	}
	path = filepath.Join(directory, "security")
	return path, os.WriteFile(path, content, 0o755)
}

// oneAfterAnother is a subject that runs all of them in order.
func oneAfterAnother(subjects []*subject) *subject {
	return &subject{do: func(ctx context.Context) error {
		for _, one := range subjects {
			if err := one.do(ctx); err != nil {
				return err
			}
		}
		return nil
	}}
}
