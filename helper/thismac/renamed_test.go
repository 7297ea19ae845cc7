package thismac_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"usher.internal/helper/thismac"
	"usher.internal/internal/accounts"
)

func keychainsIn(home string) *thismac.Keychains {
	return &thismac.Keychains{Home: func(uint32) (string, error) { return home, nil }}
}

// folder creates a home whose folder of keychains has these files, and returns both.
func folder(t *testing.T, files ...string) (home, keychains string) {
	t.Helper()
	home = t.TempDir()
	keychains = filepath.Join(home, "Library", "Keychains")
	if err := os.MkdirAll(keychains, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if err := os.WriteFile(filepath.Join(keychains, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return home, keychains
}

func names(found []thismac.RenamedKeychain) string {
	var all []string
	for _, one := range found {
		all = append(all, one.Name)
	}
	return strings.Join(all, " ")
}

// Only names are read. An entry with such a name that is not a file does not matter.
func TestRenamedKeychains(t *testing.T) {
	home, keychains := folder(t,
		"login.keychain-db", "login_renamed_1.keychain-db", "login_renamed_.keychain-db", "login_renamed_x.keychain-db",
		"login_renamed_2.keychain-db.sb-1",
		"xlogin_renamed_3.keychain-db", "login_renamed_1234567890.keychain-db", "metadata.keychain-db",
		"login_renamed_4.keychain-db\n",
	)
	outside := filepath.Join(t.TempDir(), "outside")
	err := errors.Join(
		os.WriteFile(outside, nil, 0o600),
		os.Symlink(outside, filepath.Join(keychains, "login_renamed_5.keychain-db")),
		syscall.Mkfifo(filepath.Join(keychains, "login_renamed_6.keychain-db"), 0o600),
		os.Mkdir(filepath.Join(keychains, "login_renamed_7.keychain-db"), 0o700),
		os.Chtimes(filepath.Join(keychains, "login_renamed_1.keychain-db"), time.Now().AddDate(-1, 0, 0),
			time.Now().AddDate(-1, 0, 0)),
	)
	if err != nil {
		t.Fatal(err)
	}
	found, err := keychainsIn(home).Renamed(t.Context(), 501)
	if err != nil || names(found) != "login_renamed_1.keychain-db" {
		t.Fatalf("%v, %v", found, err)
	}
	// The content is a year old, and the file was renamed now.
	if age := time.Since(found[0].At); age < -time.Minute || age > time.Hour {
		t.Errorf("renamed %s ago", age)
	}
	time.Sleep(10 * time.Millisecond) // so that the next file has a later time
	if err := os.WriteFile(filepath.Join(keychains, "login_renamed_2.keychain"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if found, err = keychainsIn(home).Renamed(t.Context(), 501); err != nil ||
		names(found) != "login_renamed_2.keychain login_renamed_1.keychain-db" {
		t.Errorf("%v, %v", found, err)
	}
}

// Nothing leads out of the home, and nothing blocks.
func TestRenamedKeychainsOfOddHomes(t *testing.T) {
	elsewhere, _ := folder(t, "login_renamed_1.keychain-db")
	with := func(make func(home string) error) string {
		home := t.TempDir()
		if err := make(home); err != nil {
			t.Fatal(err)
		}
		return home
	}
	crowded, keychains := folder(t)
	for i := range 10_001 {
		if err := os.Link(os.Args[0], filepath.Join(keychains, fmt.Sprint(i))); err != nil {
			if err := os.WriteFile(filepath.Join(keychains, fmt.Sprint(i)), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	many, keychains := folder(t)
	for i := range 40 {
		if err := os.WriteFile(filepath.Join(keychains, fmt.Sprintf("login_renamed_%d.keychain-db", i)), nil,
			0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		home  string
		fails bool
		found int
	}{
		"no home":         {filepath.Join(t.TempDir(), "none"), false, 0},
		"no library":      {t.TempDir(), false, 0},
		"many":            {many, false, 16},
		"crowded":         {crowded, true, 0},
		"a file for home": {os.Args[0], true, 0},
		"a link out of the home": {with(func(home string) error {
			return os.Symlink(filepath.Join(elsewhere, "Library"), filepath.Join(home, "Library"))
		}), true, 0},
		"a relative link out": {
			with(func(home string) error { return os.Symlink("../../../../../../..", filepath.Join(home, "Library")) }),
			true, 0},
		"a link that leads nowhere": {
			with(func(home string) error { return os.Symlink("nowhere", filepath.Join(home, "Library")) }), false, 0},
		"a pipe for the library": {
			with(func(home string) error { return syscall.Mkfifo(filepath.Join(home, "Library"), 0o600) }), true, 0},
		"a pipe for the keychains": {with(func(home string) error {
			return errors.Join(os.Mkdir(filepath.Join(home, "Library"), 0o700),
				syscall.Mkfifo(filepath.Join(home, "Library", "Keychains"), 0o600))
		}), true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			found, err := keychainsIn(test.home).Renamed(t.Context(), 501)
			if (err != nil) != test.fails || len(found) != test.found || time.Since(began) > 2*time.Second {
				t.Errorf("%v, %v after %s", found, err, time.Since(began))
			}
		})
	}
}

func TestRenamedKeychainsOfNobody(t *testing.T) {
	nobody := &thismac.Keychains{
		Home: func(uint32) (string, error) { return "", fmt.Errorf("look up: %w", accounts.ErrNotAPerson) }}
	if found, err := nobody.Renamed(t.Context(), 501); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
	unknown := &thismac.Keychains{Home: func(uint32) (string, error) { return "", errors.New("the directory is away") }}
	if _, err := unknown.Renamed(t.Context(), 501); err == nil || !strings.Contains(err.Error(), "501") {
		t.Errorf("%v", err)
	}
	if found, err := new(thismac.Keychains).Renamed(t.Context(), 1); err != nil || len(found) != 0 {
		t.Errorf("of a system account: %v, %v", found, err)
	}
}

// A home on a server that does not answer delays nobody, and is waited for only once.
func TestRenamedKeychainsOfAHomeThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		var asked atomic.Int32
		hangs := &thismac.Keychains{Home: func(uid uint32) (string, error) {
			if uid == 502 {
				return t.TempDir(), nil
			}
			asked.Add(1)
			<-ctx.Done()
			return "", ctx.Err()
		}}
		for range 3 {
			began := time.Now()
			if _, err := hangs.Renamed(context.Background(), 501); err == nil ||
				!strings.Contains(err.Error(), "no answer within 2s") || time.Since(began) != 2*time.Second {
				t.Errorf("%v after %s", err, time.Since(began))
			}
		}
		if _, err := hangs.Renamed(context.Background(), 502); err != nil {
			t.Errorf("another user: %v", err)
		}
		if asked.Load() != 1 {
			t.Errorf("%d looks at a home that hangs", asked.Load())
		}
		cancel()
	})
}
