package filekeychain_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"usher.internal/sim/filekeychain"
)

var item = filekeychain.Item{
	Class: filekeychain.Key, Label: "a key", ApplicationTag: []byte("tag\x00"), ApplicationLabel: "00ff",
	Data: []byte{0, 1, 2},
}

func TestItemsComeBackAsTheyWere(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "of", "nobody")
	keychain := filekeychain.Open(directory)
	if items, err := keychain.Items(filekeychain.Key); err != nil || len(items) != 0 {
		t.Fatalf("before there is a directory: %v, %v", items, err)
	}
	password := filekeychain.Item{Class: filekeychain.GenericPassword, Account: "account", Service: "service"}
	// not UTF-8
	odd := filekeychain.Item{Class: filekeychain.Certificate, Label: "M\xfcller", Account: "\xff", Service: "\x80"}
	for _, added := range []filekeychain.Item{item, password, password, odd} {
		if err := keychain.Add(added); err != nil {
			t.Fatal(err)
		}
	}
	for class, want := range map[filekeychain.Class][]filekeychain.Item{
		filekeychain.Key: {item}, filekeychain.GenericPassword: {password, password}, filekeychain.Certificate: {odd},
	} {
		if got, err := filekeychain.Open(directory).Items(class); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", class, got, err)
		}
	}
	entries, err := os.ReadDir(directory)
	if err != nil || len(entries) != 4 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s has mode %s", entry.Name(), info.Mode())
		}
	}
}

func TestDelete(t *testing.T) {
	keychain := filekeychain.Open(t.TempDir())
	for _, account := range []string{"one", "two", "three"} {
		if err := keychain.Add(filekeychain.Item{Class: filekeychain.GenericPassword, Account: account}); err != nil {
			t.Fatal(err)
		}
	}
	deleted, err := keychain.Delete(func(i filekeychain.Item) bool { return strings.HasPrefix(i.Account, "t") })
	if err != nil || deleted != 2 {
		t.Errorf("deleted %d, %v", deleted, err)
	}
	left, err := keychain.Items(filekeychain.GenericPassword)
	if err != nil || len(left) != 1 || left[0].Account != "one" {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestLocked(t *testing.T) {
	keychain := filekeychain.Open(t.TempDir())
	if err := keychain.Add(item); err != nil {
		t.Fatal(err)
	}
	if err := keychain.Lock(); err != nil {
		t.Fatal(err)
	}
	_, errItems := keychain.Items(filekeychain.Key)
	errAdd := keychain.Add(item)
	_, errDelete := keychain.Delete(func(filekeychain.Item) bool { return true })
	for i, err := range []error{errItems, errAdd, errDelete} {
		if !errors.Is(err, filekeychain.ErrLocked) {
			t.Errorf("%d: %v", i, err)
		}
	}
	for range 2 { // unlocking an unlocked keychain is not an error
		if err := keychain.Unlock(); err != nil {
			t.Error(err)
		}
	}
	if items, err := keychain.Items(filekeychain.Key); err != nil || len(items) != 1 {
		t.Errorf("after unlocking: %v, %v", items, err)
	}
}

func TestRefusesWhatItDoesNotKnow(t *testing.T) {
	directory := t.TempDir()
	keychain := filekeychain.Open(directory)
	if err := keychain.Add(filekeychain.Item{Class: "inet"}); !errors.Is(err, filekeychain.ErrUnknownClass) {
		t.Errorf("add: %v", err)
	}
	if err := os.WriteFile(filepath.Join(directory, "broken.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keychain.Items(filekeychain.Key); err == nil ||
		!slices.Contains(strings.Fields(err.Error()), "broken.json:") {
		t.Errorf("broken item: %v", err)
	}
}
