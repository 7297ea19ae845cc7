package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	neturl "net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"usher.internal/sim/jamfpro"
	"usher.internal/sim/mac"
)

// scene holds the parts of the demonstration.
type scene struct {
	portalExit int
	signIn     time.Duration
	verbose    bool
}

const (
	clientID     = "usher-demo"
	clientSecret = "demo-secret"
	demoUser     = "usher-demo-"
)

// play plays the scene and returns usherctl's exit code. Everything that it started has ended when it returns.
func play(ctx context.Context, s scene) (code int, err error) {
	began := time.Now()
	directory, err := os.MkdirTemp("", "usher-demo-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(directory)
	if err := os.Chmod(directory, 0o755); err != nil {
		return 0, err
	}
	real, why := realKeyring(ctx)
	tags := "grpcnotrace"
	if !real {
		tags += ",simkeychain"
		fmt.Printf("keychain: backed by files, since %s; as root on Debian it is a real gnome-keyring of a "+
			"second account\n", why)
	}
	say("building usherd, usher-agent, usherctl and the stand-ins")
	programs, err := mac.Build(ctx, filepath.Join(directory, "programs"), tags)
	if err != nil {
		return 0, err
	}
	var tee io.Writer
	if s.verbose {
		tee = os.Stderr
	}
	m, err := mac.New(mac.Options{Directory: directory, Programs: programs, FileKeychain: !real, Tee: tee})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()

	say("starting Jamf Pro (sim/jamfpro), usherd, and usher-agent in the session of a user")
	url, err := m.StartJamfPro(ctx, clientID, clientSecret)
	if err != nil {
		return 0, err
	}
	if err := m.StartHelper(ctx); err != nil {
		return 0, err
	}
	user, err := m.AddUser(ctx, demoUser+strings.ToLower(rand.Text()[:4]))
	if err != nil {
		return 0, err
	}
	portal := mac.PortalSettings{"wait": s.signIn.String(), "exit_code": s.portalExit}
	if s.portalExit != 0 {
		portal["leave"] = "nothing"
	}
	if err := user.SetPortal(portal); err != nil {
		return 0, err
	}
	if err := user.Login(ctx); err != nil {
		return 0, err
	}
	fmt.Printf("  usherd is pid %d (uid %d), usher-agent pid %d (uid %d), ready after %s\n",
		m.Helper.PID(), os.Getuid(), user.Agent.PID(), user.UID, time.Since(began).Round(10*time.Millisecond))

	say("the user registers: usherctl register --wait")
	code, err = user.ControlInteractively(ctx, os.Stdout, os.Stderr, "register", "--wait")
	if err != nil {
		return 0, err
	}
	say("the state of the Mac, with another look: usherctl status --look")
	if _, err := m.ControlInteractively(ctx, os.Stdout, os.Stderr, "status", "--look"); err != nil {
		return 0, err
	}
	say("the registration, with the identity that was found: usherctl registrations show")
	list, err := m.Control(ctx, "registrations", "list", "--limit", "1")
	if err != nil {
		return 0, err
	}
	id, _, _ := strings.Cut(list.Stdout, "\t")
	if _, err := m.ControlInteractively(ctx, os.Stdout, os.Stderr, "registrations", "show", id); err != nil {
		return 0, err
	}
	say("what happened, from the logs and the journal: usherctl timeline")
	if _, err := user.ControlInteractively(ctx, os.Stdout, os.Stderr, "timeline"); err != nil {
		return 0, err
	}
	say("what Jamf Pro holds now")
	return code, showJamfPro(ctx, url)
}

func say(text string) { fmt.Printf("\n== %s\n", text) }

// stateAttribute is the extension attribute for the user's state, which the look has found.
const stateAttribute = "Usher Registration State"

// reportWithin is how long after usherctl's end a failed registration and the state take at most to reach Jamf Pro.
const reportWithin = 10 * time.Second

// showJamfPro prints the content of sim/jamfpro about the computer, once usherd has delivered the registration.
func showJamfPro(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, reportWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet,
		url+"/sim/updated/"+mac.UDID+"?attribute="+neturl.QueryEscape(stateAttribute), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask sim/jamfpro: %w", err)
	}
	defer response.Body.Close()
	var computer jamfpro.ComputerState
	if err := json.NewDecoder(response.Body).Decode(&computer); err != nil {
		return fmt.Errorf("ask sim/jamfpro: %w", err)
	}
	fmt.Printf("computer %s, %s\n", computer.ID, computer.Name)
	for _, name := range slices.Sorted(maps.Keys(computer.ExtensionAttributes)) {
		if value := computer.Value(name); value != "" {
			fmt.Printf("  %-28s %s\n", name, value)
		}
	}
	return nil
}

func lastLine(output []byte) string {
	lines := bytes.Split(bytes.TrimSpace(output), []byte("\n"))
	return string(lines[len(lines)-1])
}
