package accounts

import (
	"errors"
	"log/slog"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestServiceAccountsAreNobody(t *testing.T) {
	for _, name := range []string{"root", "daemon", "nobody", "no-such-user-of-usher"} {
		if person, err := ByName(name); !errors.Is(err, ErrNotAPerson) {
			t.Errorf("%s is %+v, %v", name, person, err)
		}
	}
	for _, uid := range []uint32{0, 1, FirstUID - 1, 65534, 1<<32 - 2} {
		if person, err := ByUID(uid); !errors.Is(err, ErrNotAPerson) {
			t.Errorf("uid %d is %+v, %v", uid, person, err)
		}
	}
}

func TestPeopleHaveUIDsFromTheFirstOn(t *testing.T) {
	home := t.TempDir()
	for uid, person := range map[string]bool{
		"0": false, strconv.Itoa(FirstUID - 1): false, strconv.Itoa(FirstUID): true, strconv.Itoa(FirstUID + 1): true,
		"65534": false, "4294967294": false,
	} {
		_, err := personOf(&user.User{Uid: uid, Username: "jane", HomeDir: home})
		if (err == nil) != person || err != nil && !errors.Is(err, ErrNotAPerson) {
			t.Errorf("uid %s: %v", uid, err)
		}
	}
	own := strconv.Itoa(FirstUID)
	if _, err := personOf(&user.User{Uid: own, Username: "jane", HomeDir: filepath.Join(home, "missing")}); !errors.Is(
		err, ErrNotAPerson) {
		t.Errorf("without a home directory: %v", err)
	}
	// A home directory that cannot be examined is assumed to exist.
	if _, err := personOf(&user.User{Uid: own, Username: "jane", HomeDir: "/proc/self/\x00"}); err == nil ||
		errors.Is(err, ErrNotAPerson) {
		t.Errorf("with a home directory that cannot be examined: %v", err)
	}
}

// Exists does not depend on the home directory.
func TestExists(t *testing.T) {
	for _, one := range []User{{"root", 0}, {"nobody", 65534}, {"nobody-of-that-name", 3_999_999_999},
		{"_mbsetupuser", 501}} {
		if exists, err := Exists(one); exists || err != nil {
			t.Errorf("%s with uid %d: %t, %v", one.Name, one.UID, exists, err)
		}
	}
}

func TestLogsHaveNoNames(t *testing.T) {
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("came", "user", User{"jane", 501})
	if strings.Contains(log.String(), "jane") || !strings.Contains(log.String(), "user=501") {
		t.Error(log.String())
	}
}
