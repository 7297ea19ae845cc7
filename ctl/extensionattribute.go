package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"usher.internal/internal/config"
	"usher.internal/internal/contract"
	"usher.internal/internal/laststatus"
	"usher.internal/launchd"
	usherv1 "usher.internal/proto/usher/v1"
)

// extensionAttribute is one that `usherctl ea` can print.
type extensionAttribute struct {
	// title is what it is called in Jamf Pro where usher writes it itself, and a good name for the script otherwise.
	title       string
	description string
	// of is the value from what the helper knows of one user; empty where nothing is known.
	of func(*usherv1.UserStatus) string
}

// attributes are by the name that `usherctl ea` takes.
var attributes = map[string]extensionAttribute{
	"state": {"Usher Registration State", "State of the user's registration (docs/states.md)",
		func(u *usherv1.UserStatus) string { return known(identityName(u.GetIdentity().GetState())) }},
	"detail": {"Usher Registration Detail", "What the state rests on, one sentence",
		func(u *usherv1.UserStatus) string { return u.GetIdentity().GetDetail() }},
	"source": {"Usher Registration Source", "Where the identity is: login keychain, Secure Enclave or Platform SSO",
		func(u *usherv1.UserStatus) string { return sourceName(u.GetIdentity().GetSource()) }},
	"contradictions": {"Usher Contradictions", "Names of what sources say against each other, with commas",
		func(u *usherv1.UserStatus) string { return contradictionNames(u.GetIdentity()) }},
	"result": {"Usher Registration Result", "How the last registration ended, or stands",
		func(u *usherv1.UserStatus) string { return result(u.GetLastRegistration()) }},
	"device-id": {"Usher Entra Device ID", "Device id in Microsoft Entra",
		func(u *usherv1.UserStatus) string { return u.GetIdentity().GetDeviceId() }},
	"device-id-change": {"Usher Device ID Change", "The last time that the Mac became another device in Microsoft Entra",
		func(u *usherv1.UserStatus) string { return deviceIDChange(u.GetDeviceIdChange()) }},
	"tenant-id": {"Usher Entra Tenant ID", "Id of the Microsoft Entra tenant",
		func(u *usherv1.UserStatus) string { return u.GetIdentity().GetTenantId() }},
	"upn": {"Usher User Principal Name", "Sign-in name with which the Mac was registered",
		func(u *usherv1.UserStatus) string { return u.GetIdentity().GetUserPrincipalName() }},
	"user": {"Usher User", "Account name of the user that the other attributes are about",
		func(u *usherv1.UserStatus) string { return u.GetUser().GetName() }},
	"as-of": {"Usher State As Of", "When the user was looked at last, in UTC",
		func(u *usherv1.UserStatus) string { return utc(u.GetLookTime()) }},
	"last-registration": {"Usher Last Registration", "When the last registration came to its result, in UTC",
		func(u *usherv1.UserStatus) string { return lastRegistration(u.GetLastRegistration()) }},
}

func known(name string) string { return strings.TrimPrefix(name, "-") }

func contradictionNames(identity *usherv1.Identity) string {
	var names []string
	for _, one := range identity.GetContradictions() {
		names = append(names, one.GetName())
	}
	return strings.Join(names, ", ")
}

// deviceIDChange is what Jamf Pro gets in mode api too.
func deviceIDChange(change *usherv1.DeviceIDChange) string {
	if change == nil {
		return ""
	}
	return fmt.Sprintf("%s: %s became %s", utc(change.GetTime()), change.GetOldDeviceId(), change.GetNewDeviceId())
}

// result is how a registration ended, or stands: what Jamf Pro gets in mode api too.
func result(r *usherv1.Registration) string {
	if r == nil {
		return ""
	}
	switch r.GetState() {
	case usherv1.RegistrationState_REGISTRATION_STATE_DELIVERING:
		// This very recon is the delivery.
		return "SUCCEEDED"
	case usherv1.RegistrationState_REGISTRATION_STATE_FAILED:
		if r.GetFailureReason() == usherv1.FailureReason_FAILURE_REASON_DELIVERY_REFUSED {
			// What was refused is that it succeeded, and this recon brings it all the same.
			return "SUCCEEDED" + deliveredLater
		}
		exit, ok := r.GetPortalExit().GetHow().(*usherv1.PortalExit_Code)
		if ok && r.GetFailureReason() == usherv1.FailureReason_FAILURE_REASON_PORTAL_FAILED {
			return fmt.Sprintf("FAILED: %s (%d)", r.GetPortalExit().GetName(), exit.Code)
		}
		return lastState(r)
	}
	return contract.Name(r.GetState())
}

// deliveredLater ends a result that Jamf Pro has refused at first.
const deliveredLater = " (delivered later)"

// lastRegistration is when a registration came to its result, or to where it stands: what Jamf Pro gets in mode api too.
// How its delivery fares does not change that.
func lastRegistration(r *usherv1.Registration) string {
	var moment *timestamppb.Timestamp
	for _, transition := range r.GetTransitions() {
		moment = transition.GetTime()
		if transition.GetState() == usherv1.RegistrationState_REGISTRATION_STATE_DELIVERING {
			break
		}
	}
	return utc(moment)
}

// utc is a moment as Jamf Pro shows it, empty for none.
func utc(moment *timestamppb.Timestamp) string {
	if moment == nil {
		return ""
	}
	return moment.AsTime().UTC().Format(time.RFC3339)
}

func (a *app) extensionAttributeCommand() *cobra.Command {
	names := slices.Sorted(maps.Keys(attributes))
	var user string
	var list bool
	command := &cobra.Command{
		Use:   "ea NAME",
		Short: "Print the value of a Jamf extension attribute",
		Long: `Print a value as Jamf Pro's extension-attribute scripts do, <result>VALUE</result>. Where one user
has a value that is the value alone; several give one line each, "NAME: VALUE", the one on the console first.
It always exits with 0, since Jamf would drop the value otherwise; what stands in the way is printed as the value.

Names: ` + strings.Join(names, ", "),
		Example: `  usherctl ea state
  usherctl ea --list
  usherctl ea script state     the script to paste into Jamf Pro`,
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: names,
		RunE: func(command *cobra.Command, arguments []string) error {
			if list {
				return a.listAttributes(names)
			}
			if len(arguments) == 0 {
				return errors.New("ea needs the name of an attribute, or --list")
			}
			value := a.value(command.Context(), arguments[0], user)
			if a.json {
				return a.printValue(map[string]string{"name": arguments[0], "value": value})
			}
			fmt.Fprintf(a.stdout, "<result>%s</result>\n", html.EscapeString(value))
			return nil
		},
	}
	command.Flags().StringVar(&user, "user", "", "about this user `name` alone")
	command.Flags().BoolVar(&list, "list", false, "list the names, with what they mean")
	command.AddCommand(a.attributeScriptCommand(names))
	return command
}

func (a *app) listAttributes(names []string) error {
	type entry struct {
		Name        string `json:"name"`
		Title       string `json:"title"`
		Description string `json:"description"`
	}
	var entries []entry
	var rows [][]string
	for _, one := range names {
		entries = append(entries, entry{one, attributes[one].title, attributes[one].description})
		rows = append(rows, []string{one, attributes[one].title, attributes[one].description})
	}
	if a.json {
		return a.printValue(entries)
	}
	a.table([]string{"NAME", "IN JAMF PRO", "MEANING"}, rows)
	return nil
}

func (a *app) attributeScriptCommand(names []string) *cobra.Command {
	return &cobra.Command{
		Use:       "script NAME",
		Short:     "Print the script of an extension attribute, to paste into Jamf Pro",
		Long:      "Print a script for an extension attribute of input type Script. Jamf runs it with every inventory.",
		Example:   "  usherctl ea script state | pbcopy",
		Args:      cobra.ExactArgs(1),
		ValidArgs: names,
		RunE: func(_ *cobra.Command, arguments []string) error {
			attribute, exists := attributes[arguments[0]]
			if !exists {
				return fmt.Errorf("there is no attribute %q; there are %s", arguments[0], strings.Join(names, ", "))
			}
			if a.json {
				return a.printValue(map[string]string{"name": arguments[0], "title": attribute.title, "script": script(arguments[0], attribute)})
			}
			fmt.Fprint(a.stdout, script(arguments[0], attribute))
			return nil
		},
	}
}

// script works on a Mac without usher too: an extension attribute runs on every Mac of its scope. Root runs it, so it names usherctl
// where only root can put it, not the link in /usr/local/bin.
func script(name string, attribute extensionAttribute) string {
	mac, err := launchd.LayoutOf(launchd.MacOS, launchd.ByHand)
	if err != nil {
		panic(err) // macOS has a layout
	}
	return fmt.Sprintf(`#!/bin/sh
# Jamf Pro extension attribute "%s": %s.
usherctl=%s
if [ -x "$usherctl" ]; then exec "$usherctl" ea %s; fi
echo "<result>usher: not installed</result>"
`, attribute.title, attribute.description, mac.Program(launchd.ControlProgram), name)
}

// value is what Jamf is told: the value, or in a sentence why there is none.
func (a *app) value(ctx context.Context, name, user string) string {
	attribute, exists := attributes[name]
	if !exists {
		return "usher: no attribute " + plain(name) + "; there are " + strings.Join(slices.Sorted(maps.Keys(attributes)), ", ")
	}
	status, err := a.statusOrLast(ctx)
	if err != nil {
		return plain("usher: " + err.Error())
	}
	return values(attribute, status.GetUsers(), user)
}

// restartsWithin is how long usherd may take until it serves again: Jamf waits for an extension attribute, and has many.
const restartsWithin = 2 * time.Second

// statusOrLast is the status, or where usherd does not serve within restartsWithin, the last one that it has kept for root.
func (a *app) statusOrLast(ctx context.Context) (status *usherv1.GetStatusResponse, err error) {
	err = a.askWithin(ctx, restartsWithin, func(ctx context.Context, connection *grpc.ClientConn) error {
		status, err = usherv1.NewStatusServiceClient(connection).GetStatus(ctx, &usherv1.GetStatusRequest{}, grpc.WaitForReady(true))
		return err
	})
	if failed, ok := errors.AsType[*failure](err); !ok || failed.code != exitNoHelper || a.host != nil {
		return status, err
	}
	if last, age, lastErr := a.lastStatus(); lastErr == nil {
		fmt.Fprintf(a.stderr, "usherctl: usherd does not answer; this is what it said %s ago\n", age.Round(time.Second))
		return last, nil
	} else if errors.Is(lastErr, laststatus.ErrTooOld) {
		fmt.Fprintf(a.stderr, "usherctl: %v\n", lastErr)
	}
	// Why it does not answer is what a call says that does not wait.
	err = a.askWithin(ctx, restartsWithin, func(ctx context.Context, connection *grpc.ClientConn) error {
		status, err = usherv1.NewStatusServiceClient(connection).GetStatus(ctx, &usherv1.GetStatusRequest{})
		return err
	})
	return status, err
}

func (a *app) lastStatus() (*usherv1.GetStatusResponse, time.Duration, error) {
	loaded, err := config.Salvage(a.configFile)
	if loaded == nil {
		return nil, 0, err
	}
	return laststatus.Read(loaded.StateDirectory, time.Now())
}

// values is the attribute of one user, who has to be known, or a line for each of several who have one, the foremost first.
func values(attribute extensionAttribute, users []*usherv1.UserStatus, named string) string {
	first := foremost(users, named)
	if named != "" && first == nil {
		return plain("usher: knows of no user " + named)
	}
	if named != "" {
		return plain(attribute.of(first))
	}
	var lines, only []string
	for _, foremost := range []bool{true, false} {
		for _, user := range users {
			if value := attribute.of(user); value != "" && (user == first) == foremost {
				lines, only = append(lines, plain(user.GetUser().GetName()+": "+value)), append(only, plain(value))
			}
		}
	}
	if len(only) < 2 {
		lines = only
	}
	return strings.Join(lines, "\n")
}

// foremost is whom a command is about that is about one user: the named one, or else [contract.Foremost]. It is nil when there is
// nobody.
func foremost(users []*usherv1.UserStatus, named string) *usherv1.UserStatus {
	if named == "" {
		return contract.Foremost(users)
	}
	for _, user := range users {
		if user.GetUser().GetName() == named {
			return user
		}
	}
	return nil
}
