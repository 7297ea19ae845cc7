//go:build darwin && cgo && !simkeychain

package keychain

import (
	"context"
	"errors"
	"fmt"
	"slices"

	gokeychain "github.com/keybase/go-keychain"

	"usher.internal/internal/command"
	"usher.internal/internal/corefoundation"
)

// Keychain is what the Security framework finds in the keychains of the user. Its methods may be called from several
// goroutines; they are served one after the other.
//
// A call returns when its context ends, whatever the framework does. A request that cannot be cut short continues in
// its goroutine until the framework answers. There is never more than one such goroutine: later calls wait for it, as
// long as their own contexts last.
type Keychain struct {
	// turn holds one token, for the goroutine that asks the framework.
	turn chan struct{}
}

// Open returns the keychain. It asks for nothing yet, and cannot fail.
func Open() *Keychain { return &Keychain{turn: make(chan struct{}, 1)} }

// GenericPasswords returns the generic passwords of [Accounts] and [Labels], all of each name.
//
// It asks only for each name. go-keychain's own parser ends the process at an item with a text attribute that is not
// UTF-8: the framework returns it as kCFNull. Any program can have put such an item into a keychain [LOCKSMITH#1]. Such
// an attribute of an item with one of the names is read as empty.
func (k *Keychain) GenericPasswords(ctx context.Context) ([]GenericPassword, error) {
	return inTurn(ctx, k.turn, theFramework, func() ([]GenericPassword, error) {
		var passwords []GenericPassword
		for _, wanted := range []struct {
			attribute string
			names     []string
		}{{gokeychain.AccountKey, Accounts}, {gokeychain.LabelKey, Labels}} {
			for _, name := range wanted.names {
				query := newQuery(ClassGenericPassword)
				query.SetString(wanted.attribute, name)
				query.SetReturnAttributes(true)
				found, err := find(query, readPassword)
				if err != nil {
					return nil, fmt.Errorf("find items of class %s: %w", ClassGenericPassword, err)
				}
				for _, password := range found {
					// An item with a wanted account and a wanted label is found twice; it belongs to its account.
					if wanted.attribute == gokeychain.AccountKey || !slices.Contains(Accounts, password.Account) {
						passwords = append(passwords, password)
					}
				}
			}
		}
		return passwords, nil
	})
}

func readPassword(attributes corefoundation.Ref) (password GenericPassword, err error) {
	for key, value := range map[string]*string{
		gokeychain.AccountKey: &password.Account, gokeychain.ServiceKey: &password.Service,
		gokeychain.LabelKey: &password.Label,
	} {
		if *value, err = corefoundation.Text(attributes, key); err != nil {
			return GenericPassword{}, err
		}
	}
	return password, nil
}

// classIdentity is the class of certificates that have their private key in a keychain. The values of kSecClass are
// strings of CoreFoundation, and the framework compares them as such (_ConvertItemClass in SecItem.cpp). So our own
// string can name a class that go-keychain has no name for. With the class of identities, the returned data is the
// certificate.
const classIdentity = "idnt"

// Certificates returns all certificates, each once and without its label, with HasPrivateKey from the framework. One
// without data is an error.
func (k *Keychain) Certificates(ctx context.Context) ([]Certificate, error) {
	return inTurn(ctx, k.turn, theFramework, func() ([]Certificate, error) {
		certificates, err := findCertificates(ClassCertificate)
		if err != nil {
			return nil, err
		}
		identities, err := findCertificates(classIdentity)
		if err != nil {
			return nil, err
		}
		var thumbprints []string
		for _, identity := range identities {
			thumbprints = append(thumbprints, thumbprintOf(identity.DER))
		}
		return withPrivateKeys(append(certificates, identities...), thumbprints), nil
	})
}

// Keys returns nothing: [Certificate] says whether a certificate has its private key.
func (*Keychain) Keys(context.Context) ([]Key, error) { return nil, nil }

// Compare reads the keychain a second time, with /usr/bin/security, and returns a sentence for each difference, or
// nothing. The sentences contain nothing personal. An error says that one of the two could not be read.
func (k *Keychain) Compare(ctx context.Context) ([]string, error) {
	certificates, err := k.Certificates(ctx)
	if err != nil {
		return nil, fmt.Errorf("read keychain with %s: %w", theFramework, err)
	}
	passwords, err := k.GenericPasswords(ctx)
	if err != nil {
		return nil, fmt.Errorf("read keychain with %s: %w", theFramework, err)
	}
	tool, err := toolReader{runTool(command.Security)}.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("read keychain with %s: %w", theTool, err)
	}
	return differences(reading{certificates, passwords}, tool), nil
}

// findCertificates asks only for data, which is the public certificate: attributes can be kCFNull.
func findCertificates(class string) ([]Certificate, error) {
	query := newQuery(class)
	query.SetReturnData(true)
	certificates, err := find(query, func(data corefoundation.Ref) (Certificate, error) {
		der, err := corefoundation.Bytes(data)
		if err == nil && len(der) == 0 {
			err = errors.New("an item has no data, where the certificate should be")
		}
		return Certificate{DER: der}, err
	})
	if err != nil {
		return nil, fmt.Errorf("find items of class %s: %w", class, err)
	}
	return certificates, nil
}

// The framework asks the user to unlock the data-protection keychain before it looks into the login keychain, unless
// the query forbids it (kSecUseAuthenticationUI, kSecUseAuthenticationUIFail; ShouldTryUnlockKeybag in SecItem.cpp).
const (
	authenticationUI     = "u_AuthUI"
	authenticationUIFail = "u_AuthUIF"
)

// newQuery returns a query for all items of a class, in all keychains that the framework searches: a query for only the
// login keychain would hide items on tokens.
func newQuery(class string) gokeychain.Item {
	query := gokeychain.NewItem()
	query.SetString(gokeychain.SecClassKey, class)
	query.SetMatchLimit(gokeychain.MatchLimitAll)
	query.SetString(authenticationUI, authenticationUIFail)
	return query
}

// find asks the framework and reads each item that it found. It blocks for as long as the framework does.
func find[T any](query gokeychain.Item, read func(corefoundation.Ref) (T, error)) ([]T, error) {
	answer, err := gokeychain.QueryItemRef(query)
	if status, ok := errors.AsType[gokeychain.Error](err); ok {
		if meaning := meaningOfStatus(int(status)); meaning != nil && meaning != errNotThere {
			return nil, fmt.Errorf("%w: %w", meaning, err)
		}
	}
	if err != nil {
		return nil, err
	}
	found := corefoundation.Ref(answer)
	if found == 0 { // go-keychain's answer if there is no such item
		return nil, nil
	}
	defer corefoundation.Release(found)
	items, err := corefoundation.Elements(found)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	var all []T
	for _, item := range items {
		one, err := read(item)
		if err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
		all = append(all, one)
	}
	return all, nil
}
