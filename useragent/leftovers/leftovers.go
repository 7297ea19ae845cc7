// Package leftovers finds and removes what a Workplace Join registration leaves in a user's login keychain and home. It
// never touches anything that is not in the tables in table.go.
//
// [Leftovers.Find] lists what is there. [Leftovers.Remove] removes the named leftovers. It does not ask whether a
// registration may be removed: the helper decides that, because it knows every place where an identity can be.
package leftovers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"usher.internal/internal/wpj"
	"usher.internal/useragent/keychain"
)

// Kind is the kind of a leftover.
type Kind string

// The kinds.
const (
	KindCertificate     Kind = "CERTIFICATE"
	KindKey             Kind = "KEY"
	KindGenericPassword Kind = "GENERIC_PASSWORD"
	KindFile            Kind = "FILE"
)

// Keychain is the part of the login keychain that this package needs; [keychain.Keychain] implements it. An error of a
// list never means that there is nothing. Removing an item that is gone is not an error.
type Keychain interface {
	Certificates(context.Context) ([]keychain.Certificate, error)
	Keys(context.Context) ([]keychain.Key, error)
	// GenericPasswords returns at least the first of each of [keychain.Accounts] and [keychain.Labels].
	GenericPasswords(context.Context) ([]keychain.GenericPassword, error)
	RemoveCertificate(context.Context, keychain.Certificate) error
	RemoveKey(context.Context, keychain.Key) error
	RemoveGenericPassword(context.Context, keychain.GenericPassword) error
}

// Leftover is one thing that a registration has left.
type Leftover struct {
	// ID is the same as long as the thing is there, and reveals nothing. Things with equal attributes have one ID and
	// are one leftover.
	ID   string
	Kind Kind
	// Name is for an admin; it holds nothing personal.
	Name string

	remove func(context.Context) error
}

// Removed is the result for one leftover.
type Removed struct {
	// Leftover has only its ID if it was not there any more.
	Leftover Leftover
	// Err is nil when it is gone.
	Err error
}

// Leftovers looks in one keychain and one home. It keeps no state and may be used by several goroutines.
type Leftovers struct {
	keychain Keychain
	home     *os.Root
}

// New returns the leftovers of a user. No symbolic link is followed, below the home or out of it.
func New(keychain Keychain, home *os.Root) *Leftovers { return &Leftovers{keychain, home} }

// Find lists what is there: certificates, keys, generic passwords, files. A place that could not be looked at is an
// error, because nobody knows what is there. But a file that the system hides from everyone is listed with that remark:
// macOS permanently blocks some folders for other programs.
func (l *Leftovers) Find(ctx context.Context) ([]Leftover, error) {
	items, err := l.items(ctx)
	if err != nil {
		return nil, err
	}
	files, err := l.files()
	if err != nil {
		return nil, err
	}
	return append(items, files...), nil
}

// The errors of looking. They mean that nobody knows whether a leftover is there.
var (
	// ErrKeychain is wrapped with the keychain's own error.
	ErrKeychain = errors.New("could not look into the login keychain")
	// ErrHome is wrapped with the error of the file system.
	ErrHome = errors.New("could not look into the home")
)

// Remove removes the leftovers with these ids, and returns the result for each id, in that order. An id without a
// leftover counts as removed. At the end it looks once more: anything that is still there was not removed.
func (l *Leftovers) Remove(ctx context.Context, ids []string) []Removed {
	there, unknown := l.look(ctx)
	order := slices.Clone(ids)
	slices.SortStableFunc(order, func(a, b string) int { return rank(there[a].Kind) - rank(there[b].Kind) })
	results := map[string]error{}
	for _, id := range order {
		one, found := there[id]
		switch _, done := results[id]; {
		case done:
		case found:
			results[id] = one.remove(ctx)
		default:
			results[id] = unknown
		}
	}
	left, _ := l.look(ctx)
	var removed []Removed
	for _, id := range ids {
		one, err := there[id], results[id]
		if _, still := left[id]; still && err == nil {
			err = errStillThere
		}
		one.ID = id
		removed = append(removed, Removed{one, err})
	}
	return removed
}

var errStillThere = errors.New("it is still there, though removing it was no error")

// look returns the leftovers by id, as far as it could look, and why it could not look further.
func (l *Leftovers) look(ctx context.Context) (map[string]Leftover, error) {
	items, itemsErr := l.items(ctx)
	files, filesErr := l.files()
	there := map[string]Leftover{}
	for _, one := range append(items, files...) {
		there[one.ID] = one
	}
	return there, errors.Join(itemsErr, filesErr)
}

// rank gives the order of removal. The items that say who registered are removed after the certificate. So if removal
// stops half-way, the rest is seen as a broken registration, and not as none.
func rank(kind Kind) int {
	return slices.Index([]Kind{KindFile, KindKey, KindCertificate, KindGenericPassword}, kind)
}

// items lists the leftovers in the keychain.
func (l *Leftovers) items(ctx context.Context) ([]Leftover, error) {
	certificates, err := l.keychain.Certificates(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w for certificates: %w", ErrKeychain, err)
	}
	keys, err := l.keychain.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w for keys: %w", ErrKeychain, err)
	}
	passwords, err := l.keychain.GenericPasswords(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w for generic passwords: %w", ErrKeychain, err)
	}
	var found []Leftover
	add := func(one Leftover) {
		if !slices.ContainsFunc(found, func(other Leftover) bool { return other.ID == one.ID }) {
			found = append(found, one)
		}
	}
	for _, certificate := range certificates {
		if name, ok := nameOfCertificate(certificate); ok {
			add(Leftover{id(KindCertificate, string(certificate.DER), certificate.Label), KindCertificate, name,
				func(ctx context.Context) error { return l.keychain.RemoveCertificate(ctx, certificate) }})
		}
	}
	for _, key := range keys {
		if name, ok := nameOfKey(key); ok {
			add(Leftover{id(KindKey, string(key.ApplicationTag), key.ApplicationLabel, key.Label), KindKey, name,
				func(ctx context.Context) error { return l.keychain.RemoveKey(ctx, key) }})
		}
	}
	for _, password := range passwords {
		if name, ok := nameOfPassword(password); ok {
			add(Leftover{id(KindGenericPassword, password.Account, password.Service, password.Label),
				KindGenericPassword, name,
				func(ctx context.Context) error { return l.keychain.RemoveGenericPassword(ctx, password) }})
		}
	}
	return found, nil
}

// nameOfCertificate returns the name of a certificate by MS-Organization-Access, and false for any other one. usher
// does not remove a certificate that has Workplace Join's extensions but another issuer: Active Directory issues such
// certificates too.
func nameOfCertificate(certificate keychain.Certificate) (string, bool) {
	parsed, err := wpj.ParseCertificate(certificate.DER)
	var remark string
	switch {
	case errors.Is(err, wpj.ErrNotWorkplaceJoin), errors.Is(err, wpj.ErrForeignIssuer):
		return "", false
	case err != nil:
		remark = ", which cannot be read"
	default:
		remark = ", valid until " + parsed.NotAfter.UTC().Format("2006-01-02")
		if parsed.TenantID != "" {
			remark += ", of tenant " + string(parsed.TenantID)
		}
	}
	if certificate.HasPrivateKey {
		remark += ", with its private key"
	}
	return "device certificate by " + wpj.IssuerCommonName + remark, true
}

// id hashes the attributes that identify a leftover.
func id(kind Kind, attributes ...string) string {
	hash := sha256.New()
	for _, one := range append([]string{string(kind)}, attributes...) {
		fmt.Fprintf(hash, "%d:%s", len(one), one)
	}
	return hex.EncodeToString(hash.Sum(nil)[:12])
}

// files lists the leftovers in the home.
func (l *Leftovers) files() ([]Leftover, error) {
	var found []Leftover
	for _, file := range files {
		one := Leftover{id(KindFile, file.path), KindFile, file.path,
			func(context.Context) error { return l.removeFile(file.path, file.directory) }}
		there, err := l.isThere(file.path, file.directory)
		switch {
		case errors.Is(err, fs.ErrPermission):
			one.Name += " (may not be looked at)"
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrHome, err)
		case !there:
			continue
		}
		found = append(found, one)
	}
	return found, nil
}

// isThere reports whether path is a regular file, or a directory, that no symbolic link leads to.
func (l *Leftovers) isThere(path string, directory bool) (bool, error) {
	folder, name, err := l.folderOf(path)
	if folder == nil || err != nil {
		return false, err
	}
	defer folder.Close()
	return isA(folder, name, directory)
}

func (l *Leftovers) removeFile(path string, directory bool) error {
	folder, name, err := l.folderOf(path)
	if folder == nil || err != nil {
		return err
	}
	defer folder.Close()
	if there, err := isA(folder, name, directory); !there || err != nil {
		return err
	}
	if directory {
		return folder.RemoveAll(name)
	}
	if err := folder.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// folderOf opens the folder of a path in the table, one component after the other. It returns nil if it does not exist,
// or if something on the way is not a folder.
func (l *Leftovers) folderOf(path string) (folder *os.Root, name string, err error) {
	components := strings.Split(path, "/")
	last := len(components) - 1
	folder, err = l.home.OpenRoot(".")
	for _, component := range components[:last] {
		if err != nil {
			return nil, "", err
		}
		there, lookErr := isA(folder, component, true)
		if !there || lookErr != nil {
			return nil, "", errors.Join(lookErr, folder.Close())
		}
		next, openErr := folder.OpenRoot(component)
		folder.Close() // opened only to look
		folder, err = next, openErr
	}
	if err != nil {
		return nil, "", err
	}
	return folder, components[last], nil
}

// isA reports whether name is a directory, or a regular file. A symbolic link is neither.
func isA(folder *os.Root, name string, directory bool) (bool, error) {
	info, err := folder.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case directory:
		return info.IsDir(), nil
	}
	return info.Mode().IsRegular(), nil
}
