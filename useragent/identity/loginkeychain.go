package identity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"usher.internal/internal/english"
	"usher.internal/internal/wpj"
	"usher.internal/useragent/keychain"
)

// Keychain is the part of the login keychain that the source needs; [keychain.Keychain] implements it. Its methods
// return when their context ends. An error never means that there is nothing.
type Keychain interface {
	Certificates(context.Context) ([]keychain.Certificate, error)
	Keys(context.Context) ([]keychain.Key, error)
	GenericPasswords(context.Context) ([]keychain.GenericPassword, error)
}

// LoginKeychain returns the source that reads the first generation of Workplace Join [MSID]. That is a certificate, its
// private key and generic passwords whose attributes say who registered, all of them in the user's login keychain.
//
// The evidence holds only certificates of Workplace Join: other items in a user's keychain are private.
//
// If there are several identities, the evidence's own items are those of the wanted tenant and cloud. The evidence
// contains all of them, each certificate with the items that belong to it.
func LoginKeychain(keychain Keychain, wanted func() wpj.Conditions) Source {
	return &loginKeychain{keychain, wanted}
}

type loginKeychain struct {
	keychain Keychain
	wanted   func() wpj.Conditions
}

func (s *loginKeychain) Place() wpj.Source { return wpj.SourceLoginKeychain }

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
	var unreadable, ofNobody int
	there := readItems(passwords)
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
		} else {
			certificate = nil
		}
		there.certificates = append(there.certificates, certificate)
		evidence.Certificates = append(evidence.Certificates, held)
	}
	var doubts []string
	if unreadable > 0 {
		doubts = append(doubts, fmt.Sprintf("%d that cannot be parsed", unreadable))
	}
	if ofNobody > 0 { // they may belong to anything, so they are no evidence of a registration
		doubts = append(doubts, fmt.Sprintf("%d of unknown issuers that cannot be parsed", ofNobody))
	}
	wanted := s.wanted()
	for i, certificate := range there.certificates {
		if certificate != nil {
			items := there.of(certificate, wanted)
			evidence.Certificates[i].Items = &items
		}
	}
	items := there.first()
	at, chosen := wpj.Choose(*evidence, wanted)
	if chosen {
		items = *evidence.Certificates[at].Items
	}
	if len(items.UserPrincipalNames) > 0 {
		evidence.UserPrincipalName = items.UserPrincipalNames[0]
	}
	evidence.TenantID, evidence.Thumbprint, evidence.CloudHost = items.TenantID, items.Thumbprint, items.CloudHost
	if len(evidence.Certificates) == 1 && len(there.users) < 2 {
		evidence.Certificates[0].Items = nil // the evidence's own details say it
	}
	evidence.Finding, evidence.Detail = describe(evidence, append(doubts, there.doubts()...))
	if chosen {
		evidence.Detail += preferred(evidence.Certificates, at, there)
	}
	return nil
}

// describe describes the result of the look.
func describe(evidence *wpj.Evidence, doubts []string) (wpj.Finding, string) {
	items := evidence.UserPrincipalName != "" || evidence.TenantID != "" || evidence.Thumbprint != "" ||
		evidence.CloudHost != ""
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
	detail := fmt.Sprintf("The login keychain holds %s, %d with a private key",
		english.Count(len(evidence.Certificates), "device certificate"), withKey)
	if len(doubts) > 0 {
		detail += ", and " + strings.Join(doubts, ", ")
	}
	return wpj.Found, detail + "."
}

// preferred names, as one more sentence, the tenants of the chosen identity and of the others. It returns "" if there
// are no others.
func preferred(certificates []wpj.HeldCertificate, chosen int, there itemsThere) string {
	var others []string
	for i, held := range certificates {
		if certificate := there.certificates[i]; i != chosen && held.HasPrivateKey && certificate != nil &&
			!bytes.Equal(held.DER, certificates[chosen].DER) {
			others = append(others, tenantName(certificate))
		}
	}
	if len(others) == 0 {
		return ""
	}
	slices.Sort(others)
	return fmt.Sprintf(" The one of %s was chosen, beside %s.", tenantName(there.certificates[chosen]),
		strings.Join(slices.Compact(others), ", "))
}

// tenantName names a tenant, which identifies an organisation and not a person.
func tenantName(certificate *wpj.Certificate) string {
	if certificate.TenantID == "" {
		return "an unknown tenant"
	}
	return "tenant " + string(certificate.TenantID)
}

// hasKey reports whether the device key of a certificate is there [MSID]. The session transport key is another one. On
// macOS no keys are listed; the keychain itself says which certificates have one.
func hasKey(keys []keychain.Key, publicKeyHash string) bool {
	return slices.ContainsFunc(keys, func(key keychain.Key) bool {
		return string(key.ApplicationTag) == wpj.DeviceKeyTag && strings.EqualFold(key.ApplicationLabel, publicKeyHash)
	})
}
