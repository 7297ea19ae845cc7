package helper

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/directory"
	"usher.internal/helper/doctor"
	"usher.internal/helper/jamfpro"
	"usher.internal/helper/observation"
	"usher.internal/helper/proxy"
	"usher.internal/helper/sessions"
	"usher.internal/helper/store"
	"usher.internal/helper/thismac"
	"usher.internal/internal/accounts"
	"usher.internal/internal/attribute"
	"usher.internal/internal/command"
	"usher.internal/internal/config"
	"usher.internal/internal/wpj"
)

// parts are what of the helper keeps no state and is made anew when the configuration changes. What is under way goes
// on with those that it began with.
type parts struct {
	live     *config.Live
	registry *sessions.Registry
	journal  *store.Store
	log      *slog.Logger
	proxies  *proxy.Finder
	// keychains looks for login keychains that macOS has renamed.
	keychains *thismac.Keychains
	current   atomic.Pointer[configured]
	// reconsider has what Jamf Pro has refused tried again, at any time within that. It is set before anything is asked
	// of Jamf Pro.
	reconsider func(within time.Duration)
	// report returns what Jamf Pro is told. It is set before anything is delivered.
	report func() (attribute.Report, error)
	// delivered is told what Jamf Pro was told. It is set before anything is delivered.
	delivered func(before, after attribute.Report) error
	// refused is told what Jamf Pro has refused. It is set before anything is delivered.
	refused func(attribute.Report)
}

// configured are the parts of one configuration.
type configured struct {
	// client is nil where the configuration does not deliver by the API.
	client    *jamfpro.Client
	deliverer delivery.Deliverer
	setup     *jamfpro.Setup
	checks    *doctor.Checks
	places    thismac.Places
	// computer finds this computer in Jamf Pro.
	computer func(context.Context) (jamfpro.Selector, error)
	// notAsked is the last evidence that Jamf Pro could not be asked.
	notAsked atomic.Pointer[wpj.Evidence]
}

// Within these times what Jamf Pro has refused is tried again after a change: of one Mac by somebody who waits for it,
// or of all of a fleet.
const (
	ofThisMac  = time.Second
	ofTheFleet = time.Minute
)

// askedAgainAfter is how long Jamf Pro is not asked again for a look after it could not be asked: any user can cause
// looks, and each would fetch a token.
const askedAgainAfter = time.Minute

// viewedWithin is how long Jamf Pro may take for a look, in all: a user waits for that.
const viewedWithin = 15 * time.Second

// newParts makes the parts of the configuration that is in force.
func newParts(live *config.Live, registry *sessions.Registry, journal *store.Store, log *slog.Logger) (*parts, error) {
	p := &parts{live: live, registry: registry, journal: journal, log: log, keychains: new(thismac.Keychains),
		reconsider: func(time.Duration) {}}
	p.proxies = proxy.New(func() string { return live.Current().Proxy.URL })
	return p, p.renew()
}

// renew makes them of what is in force now. After an error those before stay.
func (p *parts) renew() error {
	loaded := p.live.Current()
	settings := jamfpro.Config{
		URL:              loaded.Delivery.API.URL,
		EnvironmentID:    loaded.Delivery.API.EnvironmentID,
		TenantID:         loaded.Delivery.API.TenantID,
		ComputerID:       loaded.Delivery.API.ComputerID,
		ClientID:         loaded.Delivery.API.ClientID,
		ClientSecretFile: loaded.Delivery.API.ClientSecretFile,
		Proxy:            p.proxies.Proxy,
		Upgraded:         func() { p.reconsider(ofTheFleet) },
		Logger:           p.log,
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
		made.client, made.deliverer = client,
			delivery.API(client, made.computer, func() (attribute.Report, error) { return p.report() })
	} else {
		made.deliverer = delivery.Recon(loaded.Jamf.Executable, p.log)
	}
	made.setup = jamfpro.NewSetup(settings, made.client)
	made.checks = doctor.New(p.checked(loaded, made.client))
	p.current.Store(made)
	return nil
}

// checked is what is examined before a registration, and when somebody asks.
func (p *parts) checked(loaded *config.Loaded, client *jamfpro.Client) doctor.Config {
	settings := doctor.Config{
		PortalExecutable:     loaded.Portal.Executable,
		PortalMinimumVersion: loaded.Portal.MinimumVersion,
		PrimaryUser:          loaded.PrimaryUser,
		AgentExecutable:      loaded.Agent.Executable,
		Sessions:             p.registry,
		JamfExecutable:       loaded.Jamf.Executable,
		JamfPreferences:      loaded.Preflight.JamfPreferences,
		ManagedPreferences:   loaded.PlatformSSO.ManagedPreferences,
		Endpoints:            loaded.RegistrationEndpoints(),
		CloudHost:            loaded.Tenant.CloudHost,
		Proxies:              p.proxies,
		StateDirectory:       loaded.StateDirectory,
		ManagedConfiguration: loaded.Places.Managed,
		LocalConfiguration:   loaded.Places.Local,
		Configuration:        p.configurationError,
		Journal:              p.journal.WriteError,
		Damages:              p.journal.Damages,
		Kept:                 observation.New(observation.Config{Store: p.journal}), // to read what is kept only
		RenamedKeychains:     p.keychains.Renamed,
		Logger:               p.log,
	}
	if client != nil { // not an interface with a nil pointer in it
		settings.JamfPro = client
	}
	return settings
}

// configurationError is why the configuration's files are not in force, nil when they are.
func (p *parts) configurationError() error {
	if problem := p.live.Problem(); problem != nil {
		return problem.Err
	}
	return nil
}

// Deliver implements [delivery.Deliverer].
func (p *parts) Deliver(ctx context.Context, report delivery.Report) error {
	before, err := p.report()
	if deliverErr := p.current.Load().deliverer.Deliver(ctx, report); deliverErr != nil {
		if _, refused := errors.AsType[*delivery.RefusedError](deliverErr); refused && err == nil {
			p.refused(before)
		}
		return deliverErr
	}
	after, afterErr := p.report()
	if err = errors.Join(err, afterErr); err == nil {
		err = p.delivered(before, after)
	}
	if err != nil {
		p.log.Warn("what Jamf Pro has of this Mac's users is not known, and is sent once more", "error", err)
	}
	return nil
}

// Check is the preflight of a registration.
func (p *parts) Check(ctx context.Context) error { return p.current.Load().checks.Check(ctx) }

// Examine is what doctor asks for.
func (p *parts) Examine(ctx context.Context, caller doctor.Caller,
	tell func(found doctor.Outcome) error) error {
	return p.current.Load().checks.Examine(ctx, caller, tell)
}

// thisMac is what the helper itself knows of the Mac.
func (p *parts) thisMac(context.Context) []wpj.Evidence { return p.current.Load().places.Evidence() }

// directory reads a user's record; false where the directory is not among the sources.
func (p *parts) directory(ctx context.Context, uid uint32) (_ wpj.Evidence, asked bool) {
	now := p.live.Current()
	if !slices.Contains(now.Identity.Sources, config.Directory) {
		return wpj.Evidence{}, false
	}
	person, err := accounts.ByUID(uid)
	if err != nil {
		return wpj.Evidence{Source: wpj.SourceDirectory, Finding: wpj.CouldNotLook, Obstacle: wpj.ObstacleFailed,
			Detail: err.Error(), ObservedAt: time.Now()}, true
	}
	return directory.Look(ctx, command.Dscl.At(now.Directory.Executable), person.Name), true
}

// microsoftPlatformSSO reports whether a profile configures Microsoft's Platform SSO for the user.
func (p *parts) microsoftPlatformSSO(account string) (bool, error) {
	return thismac.MicrosoftPlatformSSO(p.live.Current().PlatformSSO.ManagedPreferences, account)
}

// gatherWithJamf reports whether Jamf's own gatherAADInfo is to run on this Mac; the error says why that is not known.
func (p *parts) gatherWithJamf(context.Context) (bool, error) {
	switch now := p.live.Current(); now.Jamf.GatherAfterPortal {
	case config.GatherAlways:
		return true, nil
	case config.GatherNever:
		return false, nil
	default:
		return thismac.DeviceCompliance(now.Preflight.JamfPreferences)
	}
}

// view asks Jamf Pro how it sees this Mac; false where it cannot be asked.
func (p *parts) view(ctx context.Context) (_ wpj.Evidence, asked bool) {
	now := p.current.Load()
	if now.client == nil {
		return wpj.Evidence{}, false
	}
	if last := now.notAsked.Load(); last != nil && time.Since(last.ObservedAt) < askedAgainAfter {
		return *last, true
	}
	var evidence wpj.Evidence
	asking, cancel := context.WithTimeout(ctx, viewedWithin)
	defer cancel()
	selector, err := now.computer(asking)
	if err != nil {
		evidence = wpj.Evidence{Source: wpj.SourceJamfPro, Finding: wpj.CouldNotLook, Obstacle: wpj.ObstacleFailed,
			Detail: err.Error(), ObservedAt: time.Now()}
	} else {
		evidence = now.client.ComplianceEvidence(asking, selector)
	}
	if evidence.Finding == wpj.CouldNotLook && ctx.Err() == nil {
		now.notAsked.Store(&evidence)
	}
	return evidence, true
}

// SetClientSecret, and the three after it, are what the service of Jamf Pro's set-up asks for.
func (p *parts) SetClientSecret(secret string) (path string, err error) {
	now := p.current.Load()
	defer now.notAsked.Store(nil) // it is worth asking again
	if path, err = now.setup.SetClientSecret(secret); err == nil {
		p.reconsider(ofThisMac)
	}
	return path, err
}

// RemoveClientSecret removes the secret's file.
func (p *parts) RemoveClientSecret() (path string, removed bool, err error) {
	return p.current.Load().setup.RemoveClientSecret()
}

// CheckPrivileges asks Jamf Pro what the client may do.
func (p *parts) CheckPrivileges(ctx context.Context) (jamfpro.Checked, error) {
	checked, err := p.current.Load().setup.CheckPrivileges(ctx)
	if err == nil {
		p.reconsider(ofThisMac)
	}
	return checked, err
}

// Provision makes extension attributes in Jamf Pro.
func (p *parts) Provision(ctx context.Context, wanted []jamfpro.Definition, how jamfpro.Provisioning) (server string,
	_ []jamfpro.Provisioned, _ error) {
	server, provisioned, err := p.current.Load().setup.Provision(ctx, wanted, how)
	if err == nil && !how.DryRun {
		p.reconsider(ofThisMac)
	}
	return server, provisioned, err
}
