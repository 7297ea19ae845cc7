//go:build darwin && cgo && !simkeychain

package keychain

import (
	"context"
	"errors"
	"fmt"

	gokeychain "github.com/keybase/go-keychain"

	"usher.internal/internal/command"
)

// Keychain is what the Security framework finds in the keychains of the user. Its methods may be called from several
// goroutines; they are served one after the other.
//
// A call returns when its context ends, whatever the framework does. What cannot be cut short goes on alone until the
// framework answers; there is never more than one such goroutine, as calls that come meanwhile wait for it, as long as
// their own contexts last.
type Keychain struct {
	// turn holds one token, for whoever asks the framework.
	turn chan struct{}
}

// Open returns the keychain. It asks for nothing yet, and cannot fail.
func Open() *Keychain { return &Keychain{turn: make(chan struct{}, 1)} }

// GenericPasswords returns all generic passwords.
func (k *Keychain) GenericPasswords(ctx context.Context) ([]GenericPassword, error) {
	return inTurn(ctx, k.turn, theFramework, func() ([]GenericPassword, error) {
		query := newQuery()
		query.SetSecClass(gokeychain.SecClassGenericPassword)
		found, err := find(query)
		if err != nil {
			return nil, fmt.Errorf("find items of class %s: %w", ClassGenericPassword, err)
		}
		var passwords []GenericPassword
		for _, one := range found {
			passwords = append(passwords, GenericPassword{one.Account, one.Service, one.Label})
		}
		return passwords, nil
	})
}

// classIdentity is that of certificates that have their private key in a keychain. The values of kSecClass are strings of
// CoreFoundation, which the framework compares as such (_ConvertItemClass in SecItem.cpp): so a string of ours stands for a
// class that go-keychain has no name for. With an identity's class, the data that is returned is its certificate's.
const classIdentity = "idnt"

// Certificates returns all certificates, each once, with HasPrivateKey told by the framework. One without data is an error.
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

// Keys returns nothing: whether a certificate has its private key is told by [Certificate].
func (*Keychain) Keys(context.Context) ([]Key, error) { return nil, nil }

// Compare reads the keychain a second time, with /usr/bin/security, and returns a sentence for each difference, none for no
// difference. There is nothing personal in them. An error says that one of the two could not be read.
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

func findCertificates(class string) ([]Certificate, error) {
	query := newQuery()
	query.SetString(gokeychain.SecClassKey, class)
	query.SetReturnData(true) // which is the certificate, and public
	found, err := find(query)
	if err != nil {
		return nil, fmt.Errorf("find items of class %s: %w", class, err)
	}
	var certificates []Certificate
	for _, one := range found {
		if len(one.Data) == 0 {
			return nil, fmt.Errorf("find items of class %s: an item has no data, where the certificate should be", class)
		}
		certificates = append(certificates, Certificate{DER: one.Data, Label: one.Label})
	}
	return certificates, nil
}

// The framework asks the user to unlock the data-protection keychain, before it even looks into the login keychain, unless
// the query says that it must not (kSecUseAuthenticationUI, kSecUseAuthenticationUIFail; ShouldTryUnlockKeybag in SecItem.cpp).
const (
	authenticationUI     = "u_AuthUI"
	authenticationUIFail = "u_AuthUIF"
)

// newQuery returns a query for the attributes of all items, in all keychains that the framework searches: to name the login
// keychain alone would hide what is on tokens.
func newQuery() gokeychain.Item {
	query := gokeychain.NewItem()
	query.SetMatchLimit(gokeychain.MatchLimitAll)
	query.SetReturnAttributes(true) // without which go-keychain cannot read the answer
	query.SetString(authenticationUI, authenticationUIFail)
	return query
}

// find blocks for as long as the framework does.
func find(query gokeychain.Item) ([]gokeychain.QueryResult, error) {
	found, err := gokeychain.QueryItem(query)
	var status gokeychain.Error
	if errors.As(err, &status) {
		switch meaning := meaningOfStatus(int(status)); {
		case errors.Is(meaning, errNotThere):
			return nil, nil
		case meaning != nil:
			return nil, fmt.Errorf("%w: %w", meaning, err)
		}
	}
	return found, err
}
