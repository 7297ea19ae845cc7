//go:build linux

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"

	"howett.net/plist"

	"usher.internal/internal/config"
	"usher.internal/internal/link"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/jamfpro"
	"usher.internal/sim/mac"
	"usher.internal/sim/session"
)

// play is the Mac whose state is recorded. Its methods panic with an unexpected, and run returns that as an error.
type play struct {
	*mac.Mac
	ctx       context.Context
	directory string
	crashing  string
	into      string
	users     []*mac.User
	jamfPro   *jamfPro
}

// unexpected is the value of a step's panic.
type unexpected struct{ error }

func must(err error) {
	if err != nil {
		panic(unexpected{fmt.Errorf("%w\n%s", err, debug.Stack())})
	}
}

func (p *play) close() error {
	if p.jamfPro != nil {
		p.jamfPro.down()
		p.jamfPro.Close()
	}
	return p.Close()
}

// run plays everything and copies the results. The order matters only where a user has an active registration at the
// end.
func (p *play) run() (err error) {
	defer func() {
		switch met := recover().(type) {
		case nil:
		case unexpected:
			err = met.error
		default:
			panic(met)
		}
	}()
	p.startJamfPro()
	must(p.Set(map[string]any{"identity.sources": config.IdentitySources(), "registration.identity_timeout": "2s"}))
	p.start()
	jane, john, joerg := p.user("rec-jane"), p.user("rec-john"), p.user("rec-jörg.o'neil–ß")
	p.registrations(jane, john)
	p.deviceChanges(jane)
	p.deliveries(jane, john)
	p.beforeThePortal(joerg)
	p.everyEvidence(jane)
	p.underWay(jane, john, joerg)
	return nil
}

// start starts usherd with the present settings.
func (p *play) start(environment ...string) { must(p.StartHelper(p.ctx, environment...)) }

// restart starts usherd again with other settings.
func (p *play) restart(settings map[string]any) {
	must(p.StopHelper())
	must(p.Set(settings))
	p.start()
	p.reconnected()
}

// user makes a user and logs them in.
func (p *play) user(name string) *mac.User {
	u, err := p.AddUser(p.ctx, name)
	must(err)
	must(u.Login(p.ctx))
	p.users = append(p.users, u)
	return u
}

// reconnected waits until each running agent has found usherd again.
func (p *play) reconnected() {
	for _, u := range p.users {
		if u.Agent != nil {
			_, err := p.Helper.WaitLog(p.ctx, fmt.Sprintf("session connected\" uid=%d ", u.UID), 0)
			must(err)
		}
	}
}

// control runs usherctl as root and wants one of these exit codes; without codes, any will do.
func (p *play) control(arguments []string, exitCodes ...int) mac.Result {
	result, err := p.Control(p.ctx, arguments...)
	must(err)
	fits := len(exitCodes) == 0
	for _, code := range exitCodes {
		fits = fits || code == result.ExitCode
	}
	if !fits {
		must(fmt.Errorf("usherctl %q ended with %d, want %v: %s%s", arguments, result.ExitCode, exitCodes,
			result.Stdout, result.Stderr))
	}
	return result
}

// register registers a user and wants that exit code.
func (p *play) register(u *mac.User, exitCode int, more ...string) {
	p.control(append([]string{"register", "--user", u.Name, "--wait", "--delivery-timeout", "1s"}, more...), exitCode)
}

// started begins a registration and returns when it is in a state.
func (p *play) started(u *mac.User, state string) {
	p.control([]string{"register", "--user", u.Name}, 0)
	connection, err := link.Dial(p.HelperSocket(), uint32(os.Getuid()))
	must(err)
	defer connection.Close()
	client := usherv1.NewRegistrationServiceClient(connection)
	list, err := client.ListRegistrations(p.ctx, &usherv1.ListRegistrationsRequest{User: u.Name, Limit: 1})
	must(err)
	stream, err := client.WatchRegistration(p.ctx,
		&usherv1.WatchRegistrationRequest{Id: list.GetRegistrations()[0].GetId()})
	must(err)
	for {
		message, err := stream.Recv()
		must(err)
		if message.GetRegistration().GetState().String() == "REGISTRATION_STATE_"+state {
			return
		}
	}
}

// forgotten removes a user's items from the keychain with usherctl clean.
func (p *play) forgotten(u *mac.User) {
	p.control([]string{"clean", "--user", u.Name, "--yes", "--force"}, 0)
}

// registrations reach each end that an attempt can have.
func (p *play) registrations(jane, john *mac.User) {
	p.register(jane, 0)
	p.register(jane, 0) // it is registered already
	for _, attempt := range []struct {
		settings mac.PortalSettings
		exitCode int
	}{
		{mac.PortalSettings{"exit_code": 66}, 66},
		{mac.PortalSettings{"exit_code": 64}, 64},
		{mac.PortalSettings{"exit_code": 99}, 15},
		{mac.PortalSettings{"kill_self": int(syscall.SIGKILL)}, 15},
		{mac.PortalSettings{"leave": "nothing"}, 7},
		{mac.PortalSettings{"leave": "half"}, 9},
		{mac.PortalSettings{"leave": "expired"}, 9},
		{mac.PortalSettings{"leave": "other_tenant"}, 9},
	} {
		must(john.SetPortal(attempt.settings))
		p.register(john, attempt.exitCode)
		p.forgotten(john)
	}
	must(john.SetPortal(mac.PortalSettings{"hang": true}))
	p.register(john, 6, "--sign-in-timeout", "1s")
	p.started(john, "WAITING_FOR_SIGN_IN")
	p.control([]string{"registrations", "cancel", p.newest(john)}, 0)
	// The agent is away while Company Portal ends without a log line.
	must(john.SetPortal(mac.PortalSettings{"hang": true, "lose_exit_event": true}))
	p.started(john, "WAITING_FOR_SIGN_IN")
	john.Agent.Kill()
	_, err := p.Run(p.ctx, "pkill", "-KILL", "-u", fmt.Sprint(john.UID), "companyportal")
	must(err)
	must(john.StartAgent(p.ctx))
	p.control([]string{"registrations", "watch", p.newest(john)}, 15)
	// Another Company Portal is open.
	_, err = john.Run(p.ctx, "/bin/sh", "-c", p.Programs.Portal+` -r >/dev/null 2>&1 &
until pgrep -u "$USER" -x companyportal >/dev/null; do :; done`)
	must(err)
	p.register(john, 15)
	_, err = p.Run(p.ctx, "pkill", "-KILL", "-u", fmt.Sprint(john.UID), "companyportal")
	must(err)
	// A locked keychain.
	must(john.SetPortal(mac.PortalSettings{"leave": "nothing"}))
	must(john.Keyring.Lock(p.ctx))
	p.register(john, 8)
	must(john.Keyring.Unlock(p.ctx))
}

// newest is the id of a user's newest registration.
func (p *play) newest(u *mac.User) string {
	return strings.Split(p.control([]string{"registrations", "list", "--user", u.Name, "--limit", "1"}, 0).Stdout,
		"\t")[0]
}

// deviceChanges turns the Mac into another device, twice.
func (p *play) deviceChanges(u *mac.User) {
	for range 2 {
		p.forgotten(u)
		p.register(u, 0)
	}
	p.control([]string{"gather", "--user", u.Name}, 0)
}

// deliveries are refused, superseded and delivered.
func (p *play) deliveries(jane, john *mac.User) {
	p.refused(jane)
	p.jamfPro.down()
	p.register(jane, 10)
	must(john.SetPortal(nil))
	p.register(john, 10)
	p.jamfPro.up()
	p.control([]string{"outbox", "flush"}, 0)
	must(p.jamfPro.Await(p.ctx, func() bool {
		return strings.TrimSpace(p.control([]string{"outbox", "list"}, 0).Stdout) == ""
	}))
}

// refused has Jamf Pro refuse the delivery of a registration for good.
func (p *play) refused(u *mac.User) {
	must(p.jamfPro.AddFault(jamfpro.Fault{Kind: jamfpro.FaultStatus, PathPrefix: "/api/v", Status: 400}))
	p.register(u, 11)
	p.jamfPro.ClearFaults()
}

// beforeThePortal ends registrations before Company Portal has run.
func (p *play) beforeThePortal(u *mac.User) {
	gone := p.Programs.Portal + ".gone"
	p.restart(map[string]any{"portal.executable": gone})
	p.register(u, 12)
	// Root may run it and the user may not.
	locked := filepath.Join(p.directory, "locked")
	must(os.Mkdir(locked, 0o700))
	program, err := os.ReadFile(p.Programs.Portal)
	must(err)
	must(os.WriteFile(filepath.Join(locked, "companyportal"), program, 0o755))
	must(u.Agent.Stop())
	u.Agent = nil
	p.restart(map[string]any{"portal.executable": filepath.Join(locked, "companyportal")})
	must(u.StartAgent(p.ctx))
	p.register(u, 15)
	must(u.Agent.Stop())
	u.Agent = nil
	p.restart(map[string]any{"portal.executable": p.Programs.Portal, "preflight.endpoints": []string{"127.0.0.1:9"}})
	p.register(u, 12)
	p.conditionalAccess(false)
	p.restart(map[string]any{"preflight.endpoints": []string{}})
	p.register(u, 12)
	p.conditionalAccess(true)
	p.restart(map[string]any{"registration.session_timeout": "1s"})
	p.register(u, 5)
	p.restart(map[string]any{"registration.session_timeout": "720h"})
}

// conditionalAccess writes Jamf's settings on the Mac.
func (p *play) conditionalAccess(enabled bool) {
	content, err := plist.Marshal(
		map[string]any{"microsoftCAEnabled": enabled,
			"microsoftCANativeClientAppId": "0a7e5f2d-6f0e-4a51-9f4b-57c6d1c1b0fe"}, plist.BinaryFormat)
	must(err)
	must(os.WriteFile(p.JamfPreferences(), content, 0o644))
}

// everyEvidence gives every source of a user a result.
func (p *play) everyEvidence(u *mac.User) {
	const device = "5b1f9c0e-3f52-4a0c-8f4e-0a7c2f0b9e11"
	must(u.SetAppSSO(session.AppSSO{State: session.Registered, UPN: "jane@example.com", TenantID: mac.TenantID,
		DeviceID: device}))
	must(u.SetJamfAgent(session.JamfAgent{Status: 3, DeviceID: device, TenantID: mac.TenantID,
		UPN: "jane@example.com"}))
	_, err := u.Run(p.ctx, p.Programs.JamfAgent, "gatherAADInfo")
	must(err)
	computer, _ := p.jamfPro.Computer(mac.UDID)
	must(p.jamfPro.SetCompliance(computer.ID,
		[]jamfpro.Compliance{{Applicable: true, State: "NON_COMPLIANT", Vendor: "INTUNE",
			DeviceIDs: []string{device}}}))
	p.restart(map[string]any{"identity.proof_of_possession": true})
	p.control([]string{"status", "--look"})
}

// underWay leaves registrations in each state that is possible after a crash, and waiting deliveries, and copies
// everything.
func (p *play) underWay(jane, john, joerg *mac.User) {
	p.restart(map[string]any{"registration.identity_timeout": "1h", "registration.sign_in_timeout": "24h"})
	mary, eve, lars, nina := p.user("rec-mary"), p.user("rec-eve"), p.user("rec-lars"), p.user("rec-nina")
	p.refused(john)
	p.jamfPro.down()
	p.started(joerg, "WAITING_FOR_SESSION")
	must(mary.SetPortal(mac.PortalSettings{"hang": true}))
	p.started(mary, "WAITING_FOR_SIGN_IN")
	must(eve.SetPortal(mac.PortalSettings{"leave": "nothing"}))
	p.started(eve, "READING_IDENTITY")
	p.started(nina, "DELIVERING")
	p.said()

	// usherd is killed where only a crash leaves the state in the journal.
	p.crash("LAUNCHING_PORTAL", lars)
	for _, u := range p.users {
		if u.Agent != nil {
			u.Agent.Kill() // none of theirs continues meanwhile
			u.Agent = nil
		}
	}
	p.crash("PREFLIGHT", jane)
	p.copyState(john, mary)
}

// crash has usherd killed right after a user's registration reaches that state.
func (p *play) crash(state string, u *mac.User) {
	must(p.StopHelper())
	ours := p.Programs.Helper
	p.Programs.Helper = p.crashing
	p.start("USHER_CRASH_COMMITTED=" + state)
	p.Programs.Helper = ours
	p.reconnected()
	p.control([]string{"register", "--user", u.Name})
	<-p.Helper.Done()
}

// said records the output of usherctl, for a comparison with a later version's output about the same journal.
func (p *play) said() {
	for file, arguments := range map[string][]string{
		"status.json":        {"status", "--json"},
		"registrations.json": {"registrations", "list", "--limit", "1000", "--json"},
		"outbox.json":        {"outbox", "list", "--all", "--limit", "1000", "--json"},
		"clean.json":         {"clean", "history", "--json"},
	} {
		p.write(filepath.Join("said", file), []byte(p.control(arguments).Stdout))
	}
}

// copyState copies the journal of a killed usherd, and the records of the users' agents.
func (p *play) copyState(users ...*mac.User) {
	journal, err := os.ReadFile(filepath.Join(p.StateDirectory(), "journal.db"))
	must(err)
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, err = writer.Write(journal)
	must(err)
	must(writer.Close())
	p.write("journal.db.gz", packed.Bytes())
	for _, u := range users {
		name := strings.TrimPrefix(u.Name, "rec-")
		must(os.CopyFS(filepath.Join(p.into, "agent", name),
			os.DirFS(filepath.Join(u.Home, ".local", "state", "usher"))))
	}
}

// write writes a file of the record.
func (p *play) write(name string, content []byte) {
	path := filepath.Join(p.into, name)
	must(os.MkdirAll(filepath.Dir(path), 0o755))
	must(os.WriteFile(path, content, 0o644))
}
