package thismac

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sync/singleflight"

	"usher.internal/internal/accounts"
)

// RenamedKeychain is a login keychain that macOS could not open and has renamed. macOS creates a new one in its place.
// Its content is lost to the session [OSQ#8830].
type RenamedKeychain struct {
	// Name is the file's name, for example login_renamed_1.keychain-db.
	Name string `json:"name"`
	// At is when the file was renamed, or changed later.
	At time.Time `json:"at"`
}

// keychainFolder is below a home.
const keychainFolder = "Library/Keychains"

var renamedKeychain = regexp.MustCompile(`^login_renamed_[0-9]{1,9}\.keychain(-db)?$`)

// Limits for one look. A folder of keychains has a dozen entries.
const (
	renamedWithin    = 2 * time.Second
	maximumEntries   = 10_000
	maximumKeychains = 16
)

// Keychains looks for keychains that macOS has renamed, only by their names. It opens no keychain and needs no session.
// The zero value is ready. Its method may be called from anywhere.
type Keychains struct {
	// Home returns the home of a user, or an error that wraps [accounts.ErrNotAPerson] for a user without one. nil asks
	// the system.
	Home func(uid uint32) (string, error)

	looks singleflight.Group
}

// Renamed returns the renamed login keychains in the user's home, the newest first; none for a user without a home. It
// returns within 2 s, even if the home is on a server that does not answer. Each user has at most one look under way.
func (k *Keychains) Renamed(ctx context.Context, uid uint32) ([]RenamedKeychain, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, renamedWithin,
		fmt.Errorf("there was no answer within %s", renamedWithin))
	defer cancel()
	answer := k.looks.DoChan(strconv.FormatUint(uint64(uid), 10), func() (any, error) { return k.look(uid) })
	var err error
	select {
	case said := <-answer:
		if said.Err == nil {
			return said.Val.([]RenamedKeychain), nil
		}
		err = said.Err
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	return nil, fmt.Errorf("look for renamed keychains of uid %d: %w", uid, err)
}

func (k *Keychains) look(uid uint32) ([]RenamedKeychain, error) {
	home := k.Home
	if home == nil {
		home = accounts.Home
	}
	path, err := home(uid)
	if errors.Is(err, accounts.ErrNotAPerson) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return renamedIn(path)
}

// renamedIn looks in one home. It does not follow links out of the home, and waits only for folders.
func renamedIn(home string) ([]RenamedKeychain, error) {
	root, err := os.OpenRoot(home)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	folder, err := root.OpenFile(keychainFolder, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	var found []RenamedKeychain
	for read := 0; ; {
		names, err := folder.Readdirnames(256)
		for _, name := range names {
			if !renamedKeychain.MatchString(name) {
				continue
			}
			info, err := root.Lstat(filepath.Join(keychainFolder, name))
			if err == nil && info.Mode().IsRegular() {
				found = append(found, RenamedKeychain{name, changedAt(info)})
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if read += len(names); read > maximumEntries {
			return nil, fmt.Errorf("%s has more than %d entries", filepath.Join(home, keychainFolder), maximumEntries)
		}
	}
	slices.SortFunc(found, func(a, b RenamedKeychain) int { return b.At.Compare(a.At) })
	return found[:min(len(found), maximumKeychains)], nil
}
