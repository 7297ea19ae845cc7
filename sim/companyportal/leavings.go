package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
	"usher.internal/sim/filekeychain"
	"usher.internal/sim/loginkeychain"
	"usher.internal/sim/secretservice"
)

// leaving describes the items that a run leaves in the keychain.
type leaving struct {
	// device changes the certificate.
	device func(entra.Device) entra.Device
	// without are the omitted items: their accounts, or a key's tag.
	without []string
	// foreignThumbprint gives the thumbprint item another certificate's thumbprint.
	foreignThumbprint bool
	// certificates is the number of certificates with keys; the items are those of the last one.
	certificates int
	// others are further registrations, in unconfigured tenants, each with its own key and items.
	others int
	// foreignIssuer has another authority issue the certificates.
	foreignIssuer bool
	// wrongKey puts another key under the label of the certificate's key, like somebody who copied a certificate.
	wrongKey bool
	// damaged cuts the certificate short.
	damaged bool
	// lock locks the keychain at the end.
	lock bool
}

// leavings are the allowed values of Settings.Leave.
var leavings = map[string]leaving{
	"all":              {certificates: 1},
	"nothing":          {},
	"half":             {certificates: 1, without: []string{wpj.DeviceKeyTag, wpj.AccountUserPrincipalName}},
	"no_key":           {certificates: 1, without: []string{wpj.DeviceKeyTag}},
	"no_user":          {certificates: 1, without: []string{wpj.AccountUserPrincipalName}},
	"other_thumbprint": {certificates: 1, foreignThumbprint: true},
	"expired":          {certificates: 1, device: entra.Device.Expired},
	"not_yet_valid":    {certificates: 1, device: entra.Device.NotYetValid},
	"other_tenant":     {certificates: 1, device: inOtherTenant},
	"two":              {certificates: 2},
	"two_tenants":      {certificates: 1, others: 1},
	"locked":           {certificates: 1, lock: true},
	"elliptic":         {certificates: 1, device: entra.Device.P256},
	"foreign_issuer":   {certificates: 1, foreignIssuer: true},
	"copied":           {certificates: 1, wrongKey: true},
	"negative_serial":  {certificates: 1, device: entra.Device.NegativeSerial},
	"damaged":          {certificates: 1, damaged: true},
}

// inOtherTenant is a device in an unconfigured tenant.
func inOtherTenant(device entra.Device) entra.Device {
	device.TenantID = "0a7e5f2d-6f0e-4a51-9f4b-57c6d1c1b0fe"
	return device
}

func leavingNames() []string { return slices.Sorted(maps.Keys(leavings)) }

// startMakingItems makes the items in a goroutine; the function that it returns waits for them.
func (p *portal) startMakingItems() func() ([]filekeychain.Item, error) {
	type made struct {
		items []filekeychain.Item
		err   error
	}
	done := make(chan made, 1)
	go func() {
		items, err := p.makeItems()
		done <- made{items, err}
	}()
	return func() ([]filekeychain.Item, error) {
		m := <-done
		return m.items, m.err
	}
}

// makeItems makes the items of the first generation of Workplace Join [MSID, SK-RESET]. It returns none if the run is
// to leave nothing.
func (p *portal) makeItems() ([]filekeychain.Item, error) {
	l := leavings[p.Leave]
	if l.certificates == 0 {
		return nil, nil
	}
	newCA := entra.NewCA
	if l.foreignIssuer {
		newCA = entra.NewForeignCA
	}
	ca, err := newCA()
	if err != nil {
		return nil, err
	}
	transport, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make session transport key: %w", err)
	}
	var items []filekeychain.Item
	for range l.others {
		other, err := registration(ca, inOtherTenant(entra.Device{}), "other-"+p.UPN)
		if err != nil {
			return nil, err
		}
		items = append(items, other...)
	}
	var last *entra.Issued
	for range l.certificates {
		device := entra.Device{TenantID: p.TenantID}
		if l.device != nil {
			device = l.device(device)
		}
		if last, err = ca.Issue(device); err != nil {
			return nil, err
		}
		private := last.Key
		if l.wrongKey {
			private = transport
		}
		key, err := keyItem(wpj.DeviceKeyTag, "Microsoft Workplace Join Key", private)
		if err != nil {
			return nil, err
		}
		key.ApplicationLabel = last.PublicKeyHash
		if l.damaged {
			last.DER = last.DER[:len(last.DER)/2]
		}
		items = append(items, key, filekeychain.Item{Class: filekeychain.Certificate, Label: last.Device.DeviceID,
			Data: last.DER})
	}
	transportItem, err := keyItem(wpj.SessionTransportKeyTag, "Microsoft Session Transport Key", transport)
	if err != nil {
		return nil, err
	}
	thumbprint := last.Thumbprint
	if l.foreignThumbprint {
		thumbprint = strings.Repeat("0", len(thumbprint))
	}
	items = append(items, transportItem)
	items = append(items, itemsOf(last.Device, thumbprint, p.UPN)...)
	return slices.DeleteFunc(items, func(item filekeychain.Item) bool {
		return slices.Contains(l.without, item.Account) || slices.Contains(l.without, string(item.ApplicationTag))
	}), nil
}

// registration is a certificate, its key and its items.
func registration(ca *entra.CA, device entra.Device, upn string) ([]filekeychain.Item, error) {
	issued, err := ca.Issue(device)
	if err != nil {
		return nil, err
	}
	key, err := keyItem(wpj.DeviceKeyTag, "Microsoft Workplace Join Key", issued.Key)
	if err != nil {
		return nil, err
	}
	return append([]filekeychain.Item{key,
		{Class: filekeychain.Certificate, Label: issued.Device.DeviceID, Data: issued.DER}},
		itemsOf(issued.Device, issued.Thumbprint, upn)...), nil
}

// itemsOf are the generic passwords of a registration.
func itemsOf(device entra.Device, thumbprint, upn string) []filekeychain.Item {
	return []filekeychain.Item{
		passwordItem(wpj.AccountUserPrincipalName, upn),
		passwordItem(wpj.AccountTenantID, device.TenantID),
		passwordItem(wpj.AccountThumbprint, thumbprint),
		passwordItem(wpj.AccountCloudEnvironment, "login.microsoftonline.com"),
	}
}

func keyItem(tag, label string, key crypto.Signer) (filekeychain.Item, error) {
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return filekeychain.Item{}, fmt.Errorf("encode key: %w", err)
	}
	return filekeychain.Item{
		Class: filekeychain.Key, Label: label, ApplicationTag: []byte(tag),
		ApplicationLabel: entra.PublicKeyHash(key.Public()), Data: encoded,
	}, nil
}

// passwordItem is an item whose value is its service attribute, and its label [MSID, FL-DOC].
func passwordItem(account, value string) filekeychain.Item {
	return filekeychain.Item{Class: filekeychain.GenericPassword, Label: value, Account: account, Service: value}
}

// loginKeychain is the part of a keychain that this package needs; sim/filekeychain, sim/secretservice and
// sim/loginkeychain have it.
type loginKeychain interface {
	Add(filekeychain.Item) error
	Delete(unwanted func(filekeychain.Item) bool) (int, error)
	Lock() error
}

// store puts items into the keychain, and replaces those of an earlier registration. Without items it touches nothing.
func (p *portal) store(items []filekeychain.Item, err error) error {
	if err != nil || len(items) == 0 {
		return err
	}
	var keychain loginKeychain = filekeychain.Open(p.KeychainDirectory)
	switch p.Keychain {
	case keychainSecretService:
		if keychain, err = secretservice.Connect(); err != nil {
			return err
		}
	case keychainLogin:
		keychain = loginkeychain.Open(loginkeychain.Program)
	}
	if _, err := keychain.Delete(isWorkplaceJoin); err != nil {
		return err
	}
	for _, item := range items {
		if err := keychain.Add(item); err != nil {
			return err
		}
	}
	if leavings[p.Leave].lock {
		return keychain.Lock()
	}
	return nil
}

// isWorkplaceJoin reports whether an item belongs to a registration.
func isWorkplaceJoin(item filekeychain.Item) bool {
	switch item.Class {
	case filekeychain.Certificate:
		_, err := wpj.ParseCertificate(item.Data)
		return !errors.Is(err, wpj.ErrNotWorkplaceJoin)
	case filekeychain.Key:
		return bytes.HasPrefix(item.ApplicationTag, []byte(itemPrefix))
	default:
		return strings.HasPrefix(item.Account, itemPrefix)
	}
}

// itemPrefix begins the accounts and tags of all items of Workplace Join.
const itemPrefix = "com.microsoft.workplacejoin."
