package jamfpro

import (
	"context"
	"fmt"
	"strings"
)

// Setup is how an admin prepares usher's side of Jamf Pro: the secret of the API client, its privileges, the extension
// attributes. It works in every mode of delivery, so that everything is ready before delivery.mode is set to api.
type Setup struct {
	config Config
	client *Client
}

// NewSetup takes the configuration, which may be empty, and the client that delivers with it, nil if there is none.
func NewSetup(config Config, client *Client) *Setup { return &Setup{config: config, client: client} }

// SetClientSecret writes the secret and returns its path; see [WriteClientSecret]. The error wraps [ErrNotConfigured]
// if no path is configured.
func (s *Setup) SetClientSecret(secret string) (path string, err error) {
	if err := s.needs("keep the client secret", s.place()); err != nil {
		return "", err
	}
	return s.config.ClientSecretFile, WriteClientSecret(s.config.ClientSecretFile, secret)
}

// RemoveClientSecret removes the secret, see [RemoveClientSecret], and returns its path.
func (s *Setup) RemoveClientSecret() (path string, removed bool, err error) {
	if err := s.needs("remove the client secret", s.place()); err != nil {
		return "", false, err
	}
	removed, err = RemoveClientSecret(s.config.ClientSecretFile)
	return s.config.ClientSecretFile, removed, err
}

// CheckPrivileges is [Client.CheckPrivileges]. The error wraps [ErrNotConfigured] and names the keys that are missing.
func (s *Setup) CheckPrivileges(ctx context.Context) (Checked, error) {
	client, err := s.connect("check the API client")
	if err != nil {
		return Checked{}, err
	}
	return client.CheckPrivileges(ctx)
}

// Provision is [Client.Provision] and returns the server's host. The error wraps [ErrNotConfigured] and names the keys
// that are missing.
func (s *Setup) Provision(ctx context.Context, wanted []Definition, how Provisioning) (server string, _ []Provisioned,
	_ error) {
	client, err := s.connect("provision extension attributes")
	if err != nil {
		return "", nil, err
	}
	provisioned, err := client.Provision(ctx, wanted, how)
	return client.Host(), provisioned, err
}

// setting is a key of the configuration and its value.
type setting struct{ key, value string }

func (s *Setup) place() setting {
	return setting{"delivery.api.client_secret_file", s.config.ClientSecretFile}
}

// needs returns an error that names the empty settings.
func (s *Setup) needs(operation string, settings ...setting) error {
	var missing []string
	for _, one := range settings {
		if one.value == "" {
			missing = append(missing, one.key)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w: %s not set", operation, ErrNotConfigured, strings.Join(missing, ", "))
}

// connect returns the client, or creates one if all its settings are there.
func (s *Setup) connect(operation string) (*Client, error) {
	if s.client != nil {
		return s.client, nil
	}
	err := s.needs(operation, setting{"delivery.api.url", s.config.URL},
		setting{"delivery.api.client_id", s.config.ClientID}, s.place())
	if err != nil {
		return nil, err
	}
	client, err := New(s.config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", operation, ErrNotConfigured, err)
	}
	return client, nil
}
