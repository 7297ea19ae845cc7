package helper

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"usher.internal/helper/listener"
	"usher.internal/helper/reporter"
	"usher.internal/helper/thismac"
	"usher.internal/internal/config"
	"usher.internal/internal/contract"
	"usher.internal/internal/fleet"
)

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

// troubles are what is wrong with the ways to this Mac from afar.
func troubles(toFleet *reporter.Reporter, remote *listener.Listener) (sentences []string) {
	if state := toFleet.State(); state.GetLastError() != "" {
		sentences = append(sentences,
			fmt.Sprintf("The fleet is not told how this Mac stands: %s.", state.GetLastError()))
	}
	if end := contract.Time(toFleet.State().GetExpireTime()); fleet.ExpiresSoon(end, time.Now()) {
		sentences = append(sentences,
			fmt.Sprintf("What this Mac shows to the fleet counts until %s. Replace the file of "+
				"fleet.credentials_file, or fleet.certificate_file, before.", end.UTC().Format(time.DateOnly)))
	}
	if err := remote.Trouble(); err != nil {
		sentences = append(sentences, fmt.Sprintf("The listener does not answer as it is configured: %v.", err))
	}
	return sentences
}

// macName is this Mac's name in its fleet where none is configured: the hardware UUID, under which Jamf Pro knows it
// too, or the machine id.
func (p *parts) macName(ctx context.Context) (string, error) {
	selector, err := p.current.Load().computer(ctx)
	if err == nil && selector.UDID != "" {
		return selector.UDID, nil
	}
	id, idError := thismac.MachineID()
	if idError == nil {
		return id, nil
	}
	return "", cmp.Or(err, idError)
}
