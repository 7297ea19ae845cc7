// Package filekeychain stands in for a login keychain on computers without one: a directory of the user's with one JSON
// file for each item. It supports only what the items of a registration need.
//
// [Open] names a directory; only the methods read or write it. It is for development and tests: only their mode
// protects the files.
package filekeychain

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

var (
	// ErrLocked says that the keychain is locked.
	ErrLocked = errors.New("keychain is locked")
	// ErrUnknownClass says that the class of an item is unknown.
	ErrUnknownClass = errors.New("unknown class of item")
)

// Class is the kind of an item, with macOS's name for it.
type Class string

// The classes.
const (
	GenericPassword Class = "genp"
	Certificate     Class = "cert"
	Key             Class = "keys"
)

// Item is an item with its attributes; attributes that its class does not have are empty. A text attribute can hold any
// bytes, as in a keychain of macOS.
type Item struct {
	Class Class  `json:"class"`
	Label string `json:"label,omitempty"`
	// Account and Service belong to a generic password.
	Account string `json:"account,omitempty"`
	Service string `json:"service,omitempty"`
	// ApplicationTag and ApplicationLabel (hexadecimal) belong to a key.
	ApplicationTag   []byte `json:"application_tag,omitempty"`
	ApplicationLabel string `json:"application_label,omitempty"`
	// Data is the protected content: a password, the DER of a certificate, the PKCS#8 structure of a key.
	Data []byte `json:"data,omitempty"`
}

// stored is an item in its file. JSON allows only UTF-8, so an attribute with other bytes has a separate field in
// base64.
type stored struct {
	plain
	LabelBytes   []byte `json:"label_bytes,omitempty"`
	AccountBytes []byte `json:"account_bytes,omitempty"`
	ServiceBytes []byte `json:"service_bytes,omitempty"`
}

// plain is an item without its methods.
type plain Item

// texts are the text attributes with their fields of bytes.
func (s *stored) texts() map[*string]*[]byte {
	return map[*string]*[]byte{&s.Label: &s.LabelBytes, &s.Account: &s.AccountBytes, &s.Service: &s.ServiceBytes}
}

// MarshalJSON writes the item in the form of its file.
func (i Item) MarshalJSON() ([]byte, error) {
	out := stored{plain: plain(i)}
	for text, bytes := range out.texts() {
		if !utf8.ValidString(*text) {
			*bytes, *text = []byte(*text), ""
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads the item of a file.
func (i *Item) UnmarshalJSON(content []byte) error {
	var in stored
	if err := json.Unmarshal(content, &in); err != nil {
		return err
	}
	for text, bytes := range in.texts() {
		if *bytes != nil {
			*text = string(*bytes)
		}
	}
	*i = Item(in.plain)
	return nil
}

// Keychain is a keychain in a directory. Its methods may be called from several goroutines and processes: each item is
// written completely or not at all.
type Keychain struct {
	directory string
}

const (
	itemSuffix   = ".json"
	lockedMarker = "locked"
)

// Open returns the keychain in directory, which need not exist yet.
func Open(directory string) *Keychain { return &Keychain{directory} }

// Items returns all items of a class, in no particular order; a missing directory has none. The error wraps [ErrLocked]
// if the keychain is locked.
func (k *Keychain) Items(class Class) ([]Item, error) {
	items, err := k.all()
	if err != nil {
		return nil, err
	}
	var found []Item
	for _, item := range items {
		if item.Class == class {
			found = append(found, item)
		}
	}
	return found, nil
}

// all returns every item by the name of its file.
func (k *Keychain) all() (map[string]Item, error) {
	if err := k.holdUnlocked(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(k.directory)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list keychain: %w", err)
	}
	items := map[string]Item{}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), itemSuffix) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(k.directory, entry.Name()))
		if errors.Is(err, os.ErrNotExist) { // deleted since it was listed
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read item: %w", err)
		}
		var item Item
		if err := json.Unmarshal(content, &item); err != nil {
			return nil, fmt.Errorf("read item %s: %w", entry.Name(), err)
		}
		items[entry.Name()] = item
	}
	return items, nil
}

// Add adds an item, even if an equal one exists. The error wraps [ErrLocked] if the keychain is locked.
func (k *Keychain) Add(item Item) error {
	if item.Class != GenericPassword && item.Class != Certificate && item.Class != Key {
		return fmt.Errorf("add item: %w: %q", ErrUnknownClass, item.Class)
	}
	if err := k.holdUnlocked(); err != nil {
		return err
	}
	content, err := json.MarshalIndent(item, "", "  ")
	if err != nil {
		return fmt.Errorf("add item: %w", err)
	}
	return k.write(string(item.Class)+"-"+rand.Text()+itemSuffix, content)
}

// Delete deletes the items for which unwanted is true, and returns their number. The error wraps [ErrLocked] if the
// keychain is locked.
func (k *Keychain) Delete(unwanted func(Item) bool) (int, error) {
	items, err := k.all()
	if err != nil {
		return 0, err
	}
	deleted := 0
	for name, item := range items {
		if !unwanted(item) {
			continue
		}
		if err := os.Remove(filepath.Join(k.directory, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return deleted, fmt.Errorf("delete item: %w", err)
		}
		deleted++
	}
	return deleted, nil
}

// Lock locks the keychain: until [Keychain.Unlock] nothing can be read from or written to it.
func (k *Keychain) Lock() error { return k.write(lockedMarker, nil) }

// Unlock unlocks the keychain.
func (k *Keychain) Unlock() error {
	if err := os.Remove(filepath.Join(k.directory, lockedMarker)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("unlock keychain: %w", err)
	}
	return nil
}

func (k *Keychain) holdUnlocked() error {
	_, err := os.Stat(filepath.Join(k.directory, lockedMarker))
	switch {
	case err == nil:
		return fmt.Errorf("%w: %s", ErrLocked, k.directory)
	case errors.Is(err, os.ErrNotExist):
		return nil
	default:
		return fmt.Errorf("look for lock of keychain: %w", err)
	}
}

// write makes a file with mode 0600 that is complete as soon as it has its name.
func (k *Keychain) write(name string, content []byte) error {
	if err := os.MkdirAll(k.directory, 0o700); err != nil {
		return fmt.Errorf("make keychain: %w", err)
	}
	temporary, err := os.CreateTemp(k.directory, "."+name+"-") // with mode 0600
	if err != nil {
		return fmt.Errorf("write item: %w", err)
	}
	_, err = temporary.Write(content)
	if err := errors.Join(err, temporary.Close()); err != nil {
		return errors.Join(fmt.Errorf("write item: %w", err), os.Remove(temporary.Name()))
	}
	if err := os.Rename(temporary.Name(), filepath.Join(k.directory, name)); err != nil {
		return errors.Join(fmt.Errorf("write item: %w", err), os.Remove(temporary.Name()))
	}
	return nil
}
