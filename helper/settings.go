package helper

import (
	"usher.internal/helper/listener"
	"usher.internal/helper/observation"
	"usher.internal/helper/registration"
	"usher.internal/helper/reporter"
	"usher.internal/internal/config"
	"usher.internal/internal/fleet"
)

func registrationSettings(now *config.Loaded) registration.Settings {
	return registration.Settings{
		SessionTimeout:  now.Registration.SessionTimeout,
		SignInTimeout:   now.Registration.SignInTimeout,
		IdentityTimeout: now.Registration.IdentityTimeout,
	}
}

func observationSettings(now *config.Loaded) observation.Settings {
	return observation.Settings{
		Tenant:            now.Tenant.ID,
		CloudHost:         now.Tenant.CloudHost,
		ProofOfPossession: now.Identity.ProofOfPossession,
		Automatic:         now.Identity.LookAutomatically,
		Interval:          now.Identity.LookInterval,
		Heartbeat:         now.Identity.Heartbeat,
	}
}

func fleetSettings(now *config.Loaded) reporter.Settings {
	settings := now.Fleet
	return reporter.Settings{
		Access: fleet.Access{
			Servers: settings.Servers, CAFile: settings.CAFile, CredentialsFile: settings.CredentialsFile,
			NKeyFile:        settings.NKeyFile,
			CertificateFile: settings.CertificateFile, KeyFile: settings.KeyFile,
		},
		PersonalData: settings.PersonalData,
		MacName:      settings.Mac,
	}
}

func listenerSettings(now *config.Loaded) listener.Settings {
	settings := now.Listener
	return listener.Settings{
		Address: settings.Address, CertificateFile: settings.CertificateFile, KeyFile: settings.KeyFile,
		ClientCAFile: settings.ClientCAFile,
		AllowedNames: settings.AllowedNames, PersonalData: settings.PersonalData,
	}
}
