package main

import (
	"context"
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	usherv1 "usher.internal/proto/usher/v1"
)

// attributes are the extension attributes that `usherctl ea` can print, from what the helper knows of one user. They are
// empty where nothing is known.
var attributes = map[string]func(*usherv1.UserStatus) string{
	"state":             func(u *usherv1.UserStatus) string { return known(identityName(u.GetIdentity().GetState())) },
	"result":            func(u *usherv1.UserStatus) string { return result(u.GetLastRegistration()) },
	"device-id":         func(u *usherv1.UserStatus) string { return u.GetIdentity().GetDeviceId() },
	"tenant-id":         func(u *usherv1.UserStatus) string { return u.GetIdentity().GetTenantId() },
	"upn":               func(u *usherv1.UserStatus) string { return u.GetIdentity().GetUserPrincipalName() },
	"user":              func(u *usherv1.UserStatus) string { return u.GetUser().GetName() },
	"last-registration": func(u *usherv1.UserStatus) string { return lastRegistration(u.GetLastRegistration()) },
}

func known(name string) string { return strings.TrimPrefix(name, "-") }

// result is how a registration ended, or stands: what Jamf Pro gets in mode api too.
func result(r *usherv1.Registration) string {
	switch r.GetState() {
	case usherv1.RegistrationState_REGISTRATION_STATE_UNSPECIFIED:
		return ""
	case usherv1.RegistrationState_REGISTRATION_STATE_DELIVERING:
		// This very recon is the delivery.
		return "SUCCEEDED"
	case usherv1.RegistrationState_REGISTRATION_STATE_FAILED:
		if r.GetFailureReason() == usherv1.FailureReason_FAILURE_REASON_DELIVERY_REFUSED {
			// What was refused is that it succeeded, and this recon brings it all the same.
			return "SUCCEEDED"
		}
		if exit, ok := r.GetPortalExit().GetHow().(*usherv1.PortalExit_Code); ok && exit.Code != 0 {
			return fmt.Sprintf("FAILED: %s (%d)", r.GetPortalExit().GetName(), exit.Code)
		}
		return lastState(r)
	}
	return stateName(r.GetState())
}

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
	if moment == nil {
		return ""
	}
	return moment.AsTime().UTC().Format(time.RFC3339)
}

func (a *app) extensionAttributeCommand() *cobra.Command {
	names := slices.Sorted(maps.Keys(attributes))
	var user string
	command := &cobra.Command{
		Use:   "ea NAME",
		Short: "Print the value of a Jamf extension attribute",
		Long: `Print a value as Jamf Pro's extension-attribute scripts do, <result>VALUE</result>, about the user on the
console or else the one who registered last. It always exits with 0, since Jamf would drop the value
otherwise; what stands in the way is printed as the value.

Names: ` + strings.Join(names, ", "),
		Example:   "  #!/bin/sh\n  exec /usr/local/bin/usherctl ea state",
		Args:      cobra.ExactArgs(1),
		ValidArgs: names,
		RunE: func(command *cobra.Command, arguments []string) error {
			value := "usher: no attribute " + arguments[0] + "; there are " + strings.Join(names, ", ")
			if attribute, exists := attributes[arguments[0]]; exists {
				var err error
				if value, err = a.attribute(command.Context(), attribute, user); err != nil {
					value = "usher: " + err.Error()
				}
			}
			if a.json {
				return a.printValue(map[string]string{"name": arguments[0], "value": value})
			}
			fmt.Fprintf(a.stdout, "<result>%s</result>\n", html.EscapeString(plain(value)))
			return nil
		},
	}
	command.Flags().StringVar(&user, "user", "", "about this user `name`")
	return command
}

func (a *app) attribute(ctx context.Context, of func(*usherv1.UserStatus) string, user string) (value string, err error) {
	err = a.ask(ctx, func(ctx context.Context, connection *grpc.ClientConn) error {
		status, err := usherv1.NewStatusServiceClient(connection).GetStatus(ctx, &usherv1.GetStatusRequest{})
		if err != nil {
			return err
		}
		value = of(foremost(status.GetUsers(), user))
		return nil
	})
	return value, err
}

// foremost is whom an extension attribute is about: the named user; the one on the console; the one whose registration is
// the newest. It is nil when there is nobody.
func foremost(users []*usherv1.UserStatus, named string) *usherv1.UserStatus {
	var first *usherv1.UserStatus
	for _, user := range users {
		if named != "" {
			if user.GetUser().GetName() == named {
				return user
			}
			continue
		}
		if user.GetSession().GetOnConsole() {
			return user
		}
		if user.GetLastRegistration() != nil && (first == nil ||
			user.GetLastRegistration().GetCreateTime().AsTime().After(first.GetLastRegistration().GetCreateTime().AsTime())) {
			first = user
		}
	}
	return first
}
