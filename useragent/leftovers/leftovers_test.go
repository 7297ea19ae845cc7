package leftovers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
	"usher.internal/useragent/keychain"
	"usher.internal/useragent/leftovers"
)

// fakeKeychain holds items; it can be locked, and can keep an item that it claims to have removed.
type fakeKeychain struct {
	certificates []keychain.Certificate
	keys         []keychain.Key
	passwords    []keychain.GenericPassword
	locked       bool
	keeps        bool
	keyErr       error
	order        []string
}

func (f *fakeKeychain) err() error {
	if f.locked {
		return keychain.ErrLocked
	}
	return nil
}

func (f *fakeKeychain) Certificates(context.Context) ([]keychain.Certificate, error) {
	return f.certificates, f.err()
}
func (f *fakeKeychain) Keys(context.Context) ([]keychain.Key, error) { return f.keys, f.err() }
func (f *fakeKeychain) GenericPasswords(context.Context) ([]keychain.GenericPassword, error) {
	return f.passwords, f.err()
}

func (f *fakeKeychain) RemoveCertificate(_ context.Context, unwanted keychain.Certificate) error {
	f.order = append(f.order, "certificate")
	f.certificates = slices.DeleteFunc(slices.Clone(f.certificates), func(c keychain.Certificate) bool {
		return bytes.Equal(c.DER, unwanted.DER) && !f.keeps
	})
	return f.err()
}

func (f *fakeKeychain) RemoveKey(_ context.Context, unwanted keychain.Key) error {
	f.order = append(f.order, "key")
	if f.keyErr != nil {
		return f.keyErr
	}
	f.keys = slices.DeleteFunc(slices.Clone(f.keys), func(k keychain.Key) bool {
		return bytes.Equal(k.ApplicationTag, unwanted.ApplicationTag)
	})
	return f.err()
}

func (f *fakeKeychain) RemoveGenericPassword(_ context.Context, unwanted keychain.GenericPassword) error {
	f.order = append(f.order, "password")
	f.passwords = slices.DeleteFunc(slices.Clone(f.passwords),
		func(p keychain.GenericPassword) bool { return p == unwanted })
	return f.err()
}

const upn = "jane@example.com"

// issue returns the certificate of a new device.
func issue(t *testing.T, device entra.Device) []byte {
	t.Helper()
	ca, err := entra.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	issued, err := ca.Issue(device)
	if err != nil {
		t.Fatal(err)
	}
	return issued.DER
}

// full is a keychain with everything that a registration leaves, and as many other items.
func full(t *testing.T) *fakeKeychain {
	return &fakeKeychain{
		certificates: []keychain.Certificate{{DER: issue(t, entra.Device{}.NegativeSerial()), Label: "device"},
			{DER: []byte("somebody's"), Label: "other"}},
		keys: []keychain.Key{
			{ApplicationTag: []byte(wpj.DeviceKeyTag), ApplicationLabel: "00", Label: "Microsoft Workplace Join Key"},
			{ApplicationTag: []byte(wpj.SessionTransportKeyTag), ApplicationLabel: "01"},
			{ApplicationTag: []byte("com.example.privatekey\x00"), ApplicationLabel: "02"},
		},
		passwords: []keychain.GenericPassword{
			{Account: wpj.AccountUserPrincipalName, Service: upn, Label: upn},
			{Account: wpj.AccountTenantID, Service: "tenant"},
			{Account: "com.microsoft.workplacejoin.devicePatchAttemptTimestamp", Service: "1"},
			{Account: "com.microsoft.workplacejoin.devicePatchAttemptTimestamp", Service: "2"},
			{Account: "com.microsoft.workplacejoin.devicePatchAttemptTimestamp", Service: "2"},
			{Account: upn, Label: "com.microsoft.adalcache"},
			{Account: "com.microsoft.workplacejoin.unheardOf", Service: "x"},
			{Account: upn, Service: "com.microsoft.adalcache", Label: "my own"},
		},
	}
}

// home makes a home with the given files (a path that ends with / is a folder) and symbolic links.
func home(t *testing.T, files []string, links map[string]string) (*os.Root, string) {
	t.Helper()
	directory := t.TempDir()
	for _, file := range files {
		path := filepath.Join(directory, file)
		folder := filepath.Dir(path)
		if strings.HasSuffix(file, "/") {
			folder = path
		}
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if folder != path {
			if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for link, target := range links {
		path := filepath.Join(directory, link)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root, directory
}

const (
	preferences = "Library/Preferences/com.jamf.management.jamfAAD.plist"
	cookies     = "Library/Cookies/com.jamf.management.jamfAAD.binarycookies"
	savedState  = "Library/Saved Application State/com.jamf.management.jamfAAD.savedState"
)

func find(t *testing.T, l *leftovers.Leftovers) (found []leftovers.Leftover, names []string, ids []string) {
	t.Helper()
	found, err := l.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range found {
		names, ids = append(names, string(one.Kind)+" "+one.Name), append(ids, one.ID)
	}
	return found, names, ids
}

func TestFindsAndRemovesTheTableAndNothingElse(t *testing.T) {
	ring := full(t)
	root, directory := home(t, []string{preferences, cookies, savedState + "/windows.plist",
		"Library/Preferences/com.example.plist"}, nil)
	l := leftovers.New(ring, root)
	_, names, ids := find(t, l)
	names[0] = names[0][:len("CERTIFICATE device certificate by MS-Organization-Access, valid until ")]
	want := []string{
		"CERTIFICATE device certificate by MS-Organization-Access, valid until ",
		"KEY Microsoft Workplace Join Key (com.microsoft.workplacejoin.privatekey)",
		"KEY Microsoft Session Transport Key (com.microsoft.workplacejoin.stk.privatekey)",
		"GENERIC_PASSWORD " + wpj.AccountUserPrincipalName,
		"GENERIC_PASSWORD " + wpj.AccountTenantID,
		"GENERIC_PASSWORD com.microsoft.workplacejoin.devicePatchAttemptTimestamp",
		"GENERIC_PASSWORD com.microsoft.workplacejoin.devicePatchAttemptTimestamp",
		"GENERIC_PASSWORD com.microsoft.adalcache",
		"FILE " + preferences, "FILE " + cookies, "FILE " + savedState,
	}
	if !slices.Equal(names, want) {
		t.Fatalf("found\n%s\nwant\n%s", strings.Join(names, "\n"), strings.Join(want, "\n"))
	}
	_, _, again := find(t, l)
	if !slices.Equal(ids, again) {
		t.Error("the ids of a second look are others")
	}
	if everything := fmt.Sprint(names, ids); strings.Contains(everything, "jane") {
		t.Errorf("personal data in %s", everything)
	}

	slices.Reverse(ids)
	for i, one := range l.Remove(t.Context(), ids) {
		if one.Err != nil || one.Leftover.ID != ids[i] {
			t.Errorf("%d: %+v", i, one)
		}
	}
	if _, names, _ := find(t, l); len(names) != 0 {
		t.Errorf("still there: %q", names)
	}
	if len(ring.certificates) != 1 || len(ring.keys) != 1 || len(ring.passwords) != 2 {
		t.Errorf("left: %+v", ring)
	}
	if slices.Index(ring.order, "certificate") < slices.Index(ring.order, "key") ||
		slices.Index(ring.order, "password") < slices.Index(ring.order, "certificate") {
		t.Errorf("order %q", ring.order)
	}
	if _, err := os.Stat(filepath.Join(directory, "Library/Preferences/com.example.plist")); err != nil {
		t.Error(err)
	}
}

func TestRemovesWhatIsNamedAlone(t *testing.T) {
	ring := full(t)
	root, _ := home(t, nil, nil)
	l := leftovers.New(ring, root)
	found, _, _ := find(t, l)
	removed := l.Remove(t.Context(), []string{found[1].ID, "gone since", found[1].ID})
	if len(removed) != 3 || removed[0].Err != nil || removed[0].Leftover.Kind != leftovers.KindKey ||
		removed[1].Err != nil || removed[1].Leftover.Name != "" || removed[2].Err != nil {
		t.Errorf("%+v", removed)
	}
	if len(ring.keys) != 2 || len(ring.certificates) != 2 || len(ring.order) != 1 {
		t.Errorf("left: %+v", ring)
	}
}

func TestALockedKeychainIsNotAnEmptyOne(t *testing.T) {
	ring := full(t)
	root, _ := home(t, []string{preferences}, nil)
	l := leftovers.New(ring, root)
	_, _, ids := find(t, l)
	ring.locked = true
	if found, err := l.Find(t.Context()); !errors.Is(err, keychain.ErrLocked) ||
		!errors.Is(err, leftovers.ErrKeychain) || found != nil {
		t.Errorf("found %v, %v", found, err)
	}
	removed := l.Remove(t.Context(), []string{ids[0], ids[len(ids)-1]})
	if !errors.Is(removed[0].Err, keychain.ErrLocked) || removed[1].Err != nil {
		t.Errorf("%+v", removed)
	}
}

func TestFailuresAreToldOfTheirOwn(t *testing.T) {
	ring := full(t)
	root, _ := home(t, nil, nil)
	l := leftovers.New(ring, root)
	_, _, ids := find(t, l)
	ring.keyErr, ring.keeps = keychain.ErrNotRemovable, true
	removed := l.Remove(t.Context(), ids[:4])
	if removed[0].Err == nil || !errors.Is(removed[1].Err, keychain.ErrNotRemovable) || removed[3].Err != nil {
		t.Errorf("%+v", removed)
	}
}

func TestCertificates(t *testing.T) {
	der := issue(t, entra.Device{})
	contradictory := issue(t, entra.Device{CommonName: "8d6b9a52-2b7e-4f0c-9d6b-0f2f7c1f6a11"})
	root, _ := home(t, nil, nil)
	for _, test := range []struct {
		name        string
		certificate keychain.Certificate
		want        string
	}{
		{"with the key that macOS tells of", keychain.Certificate{DER: der, HasPrivateKey: true},
			"with its private key"},
		{"contradicts itself", keychain.Certificate{DER: contradictory}, "which cannot be read"},
		{"cut short", keychain.Certificate{DER: der[:len(der)-1]}, "which cannot be read"},
		{"somebody else's", keychain.Certificate{DER: []byte("x")}, ""},
	} {
		_, names, _ := find(t, leftovers.New(&fakeKeychain{certificates: []keychain.Certificate{test.certificate}},
			root))
		if test.want == "" && len(names) != 0 ||
			test.want != "" && (len(names) != 1 || !strings.HasSuffix(names[0], test.want)) {
			t.Errorf("%s: found %q", test.name, names)
		}
	}
}

// At the path of a table's file, only a file or folder that no link leads to is ever removed.
func TestLinksAreNotFollowed(t *testing.T) {
	outside := t.TempDir()
	victim := filepath.Join(outside, filepath.Base(preferences))
	if err := os.WriteFile(victim, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		files []string
		links map[string]string
		find  bool
	}{
		"nothing":              {nil, nil, false},
		"file is a link":       {nil, map[string]string{preferences: victim}, false},
		"folder is a link out": {nil, map[string]string{"Library/Preferences": outside}, false},
		"folder is a link inside": {[]string{"elsewhere/" + filepath.Base(preferences)},
			map[string]string{"Library/Preferences": "../elsewhere"}, false},
		"first folder is a link": {[]string{"x/Preferences/" + filepath.Base(preferences)},
			map[string]string{"Library": "x"}, false},
		"a folder where a file is": {[]string{preferences + "/"}, nil, false},
		"a file where a folder is": {[]string{savedState}, nil, false},
		"a file on the way":        {[]string{"Library/Preferences"}, nil, false},
		"a saved state with links in": {[]string{savedState + "/"}, map[string]string{savedState + "/link": outside},
			true},
	} {
		t.Run(name, func(t *testing.T) {
			root, _ := home(t, test.files, test.links)
			l := leftovers.New(&fakeKeychain{}, root)
			_, names, ids := find(t, l)
			if len(names) > 0 != test.find {
				t.Errorf("found %q", names)
			}
			for _, one := range l.Remove(t.Context(), ids) {
				if one.Err != nil {
					t.Error(one.Err)
				}
			}
			if _, err := os.Stat(victim); err != nil {
				t.Errorf("what a link leads to: %v", err)
			}
		})
	}
}

// A link that replaces the file between the look and the removal is not removed either.
func TestLinkThatComesLater(t *testing.T) {
	root, directory := home(t, []string{preferences, "mine"}, nil)
	l := leftovers.New(&fakeKeychain{}, root)
	_, _, ids := find(t, l)
	path := filepath.Join(directory, preferences)
	if err := errors.Join(os.Remove(path), os.Symlink("../../mine", path)); err != nil {
		t.Fatal(err)
	}
	if removed := l.Remove(t.Context(), ids); removed[0].Err != nil {
		t.Error(removed[0].Err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(directory, "mine")); err != nil {
		t.Error(err)
	}
}
