package helper

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"usher.internal/helper/delivery"
	"usher.internal/helper/directory"
	"usher.internal/helper/doctor"
	"usher.internal/helper/jamfpro"
	"usher.internal/helper/thismac"
	"usher.internal/internal/command"
	"usher.internal/internal/config"
	"usher.internal/internal/wpj"
)

// configured is what keeps no state: how Jamf Pro is reached, and what is checked, with one configuration.
type configured struct {
	// client is nil where the configuration does not deliver by the API.
	client    *jamfpro.Client
	deliverer delivery.Deliverer
	setup     *jamfpro.Setup
	checks    *doctor.Checks
	places    thismac.Places
	// computer finds this computer in Jamf Pro.
	computer func(context.Context) (jamfpro.Selector, error)
	// viewer asks Jamf Pro how it sees this Mac.
	viewer jamfpro.Viewer
}

// configure makes it for the configuration that is in force. After an error the one before remains.
func (u *usherd) configure() error {
	loaded := u.live.Current()
	settings := jamfpro.Config{
		URL:              loaded.Delivery.API.URL,
		EnvironmentID:    loaded.Delivery.API.EnvironmentID,
		TenantID:         loaded.Delivery.API.TenantID,
		ComputerID:       loaded.Delivery.API.ComputerID,
		ClientID:         loaded.Delivery.API.ClientID,
		ClientSecretFile: loaded.Delivery.API.ClientSecretFile,
		Proxy:            u.proxies.Proxy,
		Upgraded:         func() { u.reconsider(ofTheFleet) },
		Logger:           u.log,
	}
	made := &configured{
		places: thismac.Places{PortalExecutable: loaded.Portal.Executable,
			JamfPreferences: loaded.Preflight.JamfPreferences},
		computer: delivery.ConfiguredComputer(loaded.Delivery.ComputerUDID),
	}
	if loaded.Delivery.Mode == config.DeliverByAPI {
		client, err := jamfpro.New(settings)
		if err != nil {
			return err
		}
		made.client, made.deliverer = client, delivery.API(client, made.computer, u.report)
	} else {
		made.deliverer = delivery.Recon(loaded.Jamf.Executable, u.log)
	}
	made.viewer.Client, made.viewer.Computer = made.client, made.computer
	made.setup = jamfpro.NewSetup(settings, made.client)
	made.checks = doctor.New(u.checked(loaded, made.client))
	u.configured.Store(made)
	return nil
}

// checked is what is examined before a registration, and when somebody asks.
func (u *usherd) checked(loaded *config.Loaded, client *jamfpro.Client) doctor.Config {
	settings := doctor.Config{
		PortalExecutable:     loaded.Portal.Executable,
		PortalMinimumVersion: loaded.Portal.MinimumVersion,
		PrimaryUser:          loaded.PrimaryUser,
		AgentExecutable:      loaded.Agent.Executable,
		Sessions:             u.sessions,
		JamfExecutable:       loaded.Jamf.Executable,
		JamfPreferences:      loaded.Preflight.JamfPreferences,
		ManagedPreferences:   loaded.PlatformSSO.ManagedPreferences,
		Endpoints:            loaded.RegistrationEndpoints(),
		CloudHost:            loaded.Tenant.CloudHost,
		Proxies:              u.proxies,
		StateDirectory:       loaded.StateDirectory,
		ManagedConfiguration: loaded.Places.Managed,
		LocalConfiguration:   loaded.Places.Local,
		Configuration:        u.configurationError,
		Journal:              u.journal.WriteError,
		Damages:              u.journal.Damages,
		Kept:                 u.observer,
		RenamedKeychains:     u.keychains.Renamed,
		Logger:               u.log,
	}
	if client != nil { // not an interface with a nil pointer in it
		settings.JamfPro = client
	}
	return settings
}

// configurationError is why the configuration's files are not in force, nil when they are.
func (u *usherd) configurationError() error {
	if problem := u.live.Problem(); problem != nil {
		return problem.Err
	}
	return nil
}

// Deliver implements [delivery.Deliverer].
func (u *usherd) Deliver(ctx context.Context, report delivery.Report) error {
	before, err := u.report()
	if deliverErr := u.configured.Load().deliverer.Deliver(ctx, report); deliverErr != nil {
		if _, refused := errors.AsType[*delivery.RefusedError](deliverErr); refused && err == nil {
			u.keeper.Refused(before)
		}
		return deliverErr
	}
	after, afterErr := u.report()
	if err = errors.Join(err, afterErr); err == nil {
		err = u.keeper.Delivered(before, after)
	}
	if err != nil {
		u.log.Warn("what Jamf Pro has of this Mac's users is not known, and is sent once more", "error", err)
	}
	return nil
}

// Check is the preflight of a registration.
func (u *usherd) Check(ctx context.Context) error { return u.configured.Load().checks.Check(ctx) }

// Examine is what doctor asks for.
func (u *usherd) Examine(ctx context.Context, caller doctor.Caller,
	tell func(found doctor.Outcome) error) error {
	return u.configured.Load().checks.Examine(ctx, caller, tell)
}

// thisMac is what the helper itself knows of the Mac.
func (u *usherd) thisMac(context.Context) []wpj.Evidence {
	return u.configured.Load().places.Evidence()
}

// directory reads a user's record; false where the directory is not among the sources.
func (u *usherd) directory(ctx context.Context, uid uint32) (_ wpj.Evidence, asked bool) {
	now := u.live.Current()
	if !slices.Contains(now.Identity.Sources, config.Directory) {
		return wpj.Evidence{}, false
	}
	return directory.LookAt(ctx, command.Dscl.At(now.Directory.Executable), uid), true
}

// microsoftPlatformSSO reports whether a profile configures Microsoft's Platform SSO for the user.
func (u *usherd) microsoftPlatformSSO(account string) (bool, error) {
	return thismac.MicrosoftPlatformSSO(u.live.Current().PlatformSSO.ManagedPreferences, account)
}

// gatherWithJamf reports whether Jamf's own gatherAADInfo is to run on this Mac; the error says why that is not known.
func (u *usherd) gatherWithJamf(context.Context) (bool, error) {
	switch now := u.live.Current(); now.Jamf.GatherAfterPortal {
	case config.GatherAlways:
		return true, nil
	case config.GatherNever:
		return false, nil
	default:
		return thismac.DeviceCompliance(now.Preflight.JamfPreferences)
	}
}

// jamfProsView asks Jamf Pro how it sees this Mac; false where it cannot be asked.
func (u *usherd) jamfProsView(ctx context.Context) (_ wpj.Evidence, asked bool) {
	now := u.configured.Load()
	if now.client == nil {
		return wpj.Evidence{}, false
	}
	return now.viewer.Evidence(ctx), true
}

// macName is this Mac's name in its fleet where none is configured: the hardware UUID, under which Jamf Pro knows it
// too, or the machine id.
func (u *usherd) macName(ctx context.Context) (string, error) {
	selector, err := u.configured.Load().computer(ctx)
	if err == nil && selector.UDID != "" {
		return selector.UDID, nil
	}
	id, idError := thismac.MachineID()
	if idError == nil {
		return id, nil
	}
	return "", cmp.Or(err, idError)
}

// SetClientSecret, and the three after it, are what the service of Jamf Pro's set-up asks for.
func (u *usherd) SetClientSecret(secret string) (path string, err error) {
	now := u.configured.Load()
	defer now.viewer.AskAgain()
	if path, err = now.setup.SetClientSecret(secret); err == nil {
		u.reconsider(ofThisMac)
	}
	return path, err
}

// RemoveClientSecret removes the secret's file.
func (u *usherd) RemoveClientSecret() (path string, removed bool, err error) {
	return u.configured.Load().setup.RemoveClientSecret()
}

// CheckPrivileges asks Jamf Pro what the client may do.
func (u *usherd) CheckPrivileges(ctx context.Context) (jamfpro.Checked, error) {
	checked, err := u.configured.Load().setup.CheckPrivileges(ctx)
	if err == nil {
		u.reconsider(ofThisMac)
	}
	return checked, err
}

// Provision makes extension attributes in Jamf Pro.
func (u *usherd) Provision(ctx context.Context, wanted []jamfpro.Definition, how jamfpro.Provisioning) (server string,
	_ []jamfpro.Provisioned, _ error) {
	server, provisioned, err := u.configured.Load().setup.Provision(ctx, wanted, how)
	if err == nil && !how.DryRun {
		u.reconsider(ofThisMac)
	}
	return server, provisioned, err
}
