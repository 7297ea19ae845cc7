package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"usher.internal/internal/wpj"
	"usher.internal/useragent/keychain"
)

// Keychain is what is needed of the login keychain; [keychain.Keychain] has it. Its methods return when their context ends,
// and an error of theirs never means that there is nothing.
type Keychain interface {
	Certificates(context.Context) ([]keychain.Certificate, error)
	Keys(context.Context) ([]keychain.Key, error)
	GenericPasswords(context.Context) ([]keychain.GenericPassword, error)
}

// LoginKeychain returns the source that reads the first generation of Workplace Join: a certificate, its private key and
// generic passwords whose attributes say who registered, all of them in the user's login keychain [MSID].
//
// The evidence holds certificates of Workplace Join alone: what else is in a user's keychain is nobody's business.
func LoginKeychain(keychain Keychain) Source { return &loginKeychain{keychain} }

type loginKeychain struct{ keychain Keychain }

func (s *loginKeychain) Look(ctx context.Context) wpj.Evidence {
	ctx, cancel := context.WithTimeoutCause(ctx, Deadline, fmt.Errorf("no answer within %s", Deadline))
	defer cancel()
	evidence := wpj.Evidence{Source: wpj.SourceLoginKeychain}
	err := s.fill(ctx, &evidence)
	return seen(wpj.SourceLoginKeychain, evidence, err)
}

func (s *loginKeychain) fill(ctx context.Context, evidence *wpj.Evidence) error {
	certificates, err := s.keychain.Certificates(ctx)
	if err != nil {
		return fmt.Errorf("read certificates: %w", err)
	}
	keys, err := s.keychain.Keys(ctx)
	if err != nil {
		return fmt.Errorf("look for private keys: %w", err)
	}
	passwords, err := s.keychain.GenericPasswords(ctx)
	if err != nil {
		return fmt.Errorf("read attributes of generic passwords: %w", err)
	}
	thumbprints := map[string]bool{}
	var unreadable, ofNobody int
	for _, found := range certificates {
		certificate, err := wpj.ParseCertificate(found.DER)
		switch {
		case errors.Is(err, wpj.ErrNotWorkplaceJoin) && errors.Is(err, wpj.ErrUnreadable):
			ofNobody++
			continue
		case errors.Is(err, wpj.ErrNotWorkplaceJoin):
			continue
		case errors.Is(err, wpj.ErrUnreadable):
			unreadable++
		}
		held := wpj.HeldCertificate{DER: found.DER, HasPrivateKey: found.HasPrivateKey}
		if err == nil { // one that cannot be read is evidence as it is
			held.HasPrivateKey = held.HasPrivateKey || hasKey(keys, certificate.PublicKeyHash)
			thumbprints[string(certificate.Thumbprint)] = true
		}
		evidence.Certificates = append(evidence.Certificates, held)
	}
	var doubts []string
	if unreadable > 0 {
		doubts = append(doubts, fmt.Sprintf("%d that cannot be parsed", unreadable))
	}
	if ofNobody > 0 { // they may be of anyone, so they are no evidence of a registration
		doubts = append(doubts, fmt.Sprintf("%d of unknown issuers that cannot be parsed", ofNobody))
	}
	value := func(account string, preferred map[string]bool) string {
		value, different := valueOf(passwords, account, preferred)
		if different > 1 {
			doubts = append(doubts, fmt.Sprintf("%d different values of %s", different, account))
		}
		return value
	}
	evidence.UserPrincipalName = wpj.UserPrincipalName(value(wpj.AccountUserPrincipalName, nil))
	evidence.TenantID = wpj.TenantID(strings.ToLower(value(wpj.AccountTenantID, nil)))
	evidence.Thumbprint = wpj.Thumbprint(strings.ToLower(value(wpj.AccountThumbprint, thumbprints)))
	evidence.CloudHost = value(wpj.AccountCloudEnvironment, nil)
	evidence.Finding, evidence.Detail = describe(evidence, doubts)
	return nil
}

// describe says what the look came to.
func describe(evidence *wpj.Evidence, doubts []string) (wpj.Finding, string) {
	items := evidence.UserPrincipalName != "" || evidence.TenantID != "" || evidence.Thumbprint != "" || evidence.CloudHost != ""
	if len(evidence.Certificates) == 0 && !items {
		detail := "The login keychain holds nothing of Workplace Join"
		if len(doubts) > 0 {
			detail += ", and " + strings.Join(doubts, ", ")
		}
		return wpj.NotThere, detail + "."
	}
	withKey := 0
	for _, held := range evidence.Certificates {
		if held.HasPrivateKey {
			withKey++
		}
	}
	plural := "s"
	if len(evidence.Certificates) == 1 {
		plural = ""
	}
	detail := fmt.Sprintf("The login keychain holds %d device certificate%s, %d with a private key", len(evidence.Certificates), plural, withKey)
	if len(doubts) > 0 {
		detail += ", and " + strings.Join(doubts, ", ")
	}
	return wpj.Found, detail + "."
}

// hasKey tells whether the device key of a certificate is there [MSID]. The session transport key is another one. On macOS no
// keys are listed; there the keychain says itself which certificates have one.
func hasKey(keys []keychain.Key, publicKeyHash string) bool {
	return slices.ContainsFunc(keys, func(key keychain.Key) bool {
		return string(key.ApplicationTag) == wpj.DeviceKeyTag && strings.EqualFold(key.ApplicationLabel, publicKeyHash)
	})
}

// valueOf returns the value of an item, which stands in its service attribute, and how many different ones there are. Items
// can stay behind from an earlier registration; of several values a preferred one is taken, or else the first in order, so
// that every look comes to the same.
func valueOf(passwords []keychain.GenericPassword, account string, preferred map[string]bool) (value string, different int) {
	var values []string
	for _, password := range passwords {
		if service := strings.TrimSpace(password.Service); password.Account == account && service != "" {
			values = append(values, service)
		}
	}
	slices.Sort(values)
	values = slices.Compact(values)
	if len(values) == 0 {
		return "", 0
	}
	for _, candidate := range values {
		if preferred[strings.ToLower(candidate)] {
			return candidate, len(values)
		}
	}
	return values[0], len(values)
}
