package accounts

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"usher.internal/internal/command"
)

// administer runs a program that changes the users and groups of this computer.
func administer(t *testing.T, program string, arguments ...string) {
	t.Helper()
	if output, err := exec.CommandContext(t.Context(), program, arguments...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v: %s", program, strings.Join(arguments, " "), err, output)
	}
}

// makeGroup makes a group on this computer for the duration of the test. It returns its name and id.
func makeGroup(t *testing.T, prefix string) (string, uint32) {
	t.Helper()
	name := prefix + strings.ToLower(rand.Text()[:8])
	t.Cleanup(func() { exec.Command("groupdel", "-f", name).Run() })
	administer(t, "groupadd", name)
	gid, _, ok, err := system.group(t.Context(), name)
	if err != nil || !ok {
		t.Fatalf("group %s: %t, %v", name, ok, err)
	}
	return name, gid
}

// makeUser makes a user on this computer for the duration of the test.
func makeUser(t *testing.T, options ...string) (string, uint32) {
	t.Helper()
	name := "ushm-" + strings.ToLower(rand.Text()[:8])
	t.Cleanup(func() {
		exec.Command("userdel", name).Run()
		exec.Command("groupdel", name).Run() // needed if it is no longer the primary group
	})
	administer(t, "useradd", append(options, "--no-create-home", name)...)
	output, err := exec.CommandContext(t.Context(), "id", "-u", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	uid, err := parseID(strings.TrimSpace(string(output)))
	if err != nil {
		t.Fatal(err)
	}
	return name, uid
}

func wantMember(t *testing.T, uid uint32, group string, want bool) {
	t.Helper()
	if got, err := IsMember(t.Context(), uid, group); got != want || err != nil {
		t.Errorf("membership of uid %d in %s is %t, %v; want %t", uid, group, got, err, want)
	}
}

func TestMembershipOfRealGroups(t *testing.T) {
	name, uid := makeUser(t)
	var groups []string
	for range 24 {
		group, _ := makeGroup(t, "ushg-")
		groups = append(groups, group)
	}
	last, _ := makeGroup(t, "ushz-")
	administer(t, "usermod", "-aG", strings.Join(groups, ","), name)
	wantMember(t, uid, last, false)
	administer(t, "gpasswd", "-a", name, last)
	wantMember(t, uid, last, true)
	wantMember(t, uid, groups[0], true)
	administer(t, "gpasswd", "-d", name, last)
	wantMember(t, uid, last, false)

	// The primary group does not list its members.
	administer(t, "usermod", "-g", last, name)
	wantMember(t, uid, last, true)
	_, other := makeUser(t, "-g", last)
	wantMember(t, other, last, true)
	_, stranger := makeUser(t)
	wantMember(t, stranger, last, false)
}

// Digits as the name of a group are not its id: `admin_group: "27"` does not mean sudo.
func TestNameOfDigitsIsNotAnID(t *testing.T) {
	name, uid := makeUser(t)
	group, gid := makeGroup(t, "ushg-")
	administer(t, "gpasswd", "-a", name, group)
	if got, err := IsMember(t.Context(), uid, strconv.FormatUint(uint64(gid), 10)); got ||
		!errors.Is(err, ErrNoSuchGroup) {
		t.Errorf("got %t, %v", got, err)
	}
}

// nestedEnvironment says that this process is in the mount namespace that [TestNestedGroupsOfTheNameServiceSwitch]
// makes.
const nestedEnvironment = "USHER_NESTED_GROUPS"

const inNamespace = `set -eu
mount -t tmpfs usher /run
mkdir /run/usher-nested
mount --bind "$1" "$2"
mount --bind "$3" /etc/nsswitch.conf
shift 3
exec "$@"
`

// Debian has no directory service with groups in groups that runs by itself, so the test brings one. It is a real
// service of the Name Service Switch, in a mount namespace of its own.
func TestNestedGroupsOfTheNameServiceSwitch(t *testing.T) {
	if os.Getenv(nestedEnvironment) != "" {
		nestedGroups(t)
		return
	}
	directory := t.TempDir()
	module, configuration := filepath.Join(directory, "nested.so"), filepath.Join(directory, "nsswitch.conf")
	administer(t, "gcc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o", module, "testdata/nested.c")
	if err := os.WriteFile(configuration, []byte("passwd: files\ngroup: files hesiod\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	replaced, err := filepath.Glob("/lib/*/libnss_hesiod.so.2")
	if err != nil || len(replaced) == 0 {
		t.Fatalf("the C library's service hesiod, whose place is taken: %v, %v", replaced, err)
	}
	again := exec.CommandContext(t.Context(), "unshare", "--mount", "--propagation", "private", "sh", "-c", inNamespace,
		"sh",
		module, replaced[0], configuration, os.Args[0], "-test.run=^TestNestedGroupsOfTheNameServiceSwitch$", "-test.v")
	again.Env = append(os.Environ(), nestedEnvironment+"=1")
	output, err := again.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "--- PASS") {
		t.Errorf("in the namespace: %v\n%s", err, output)
	}
}

func nestedGroups(t *testing.T) {
	name, uid := makeUser(t)
	inner, innerID := makeGroup(t, "ushg-")
	middle, middleID := makeGroup(t, "ushg-")
	admins, adminsID := makeGroup(t, "ushg-")
	nested := fmt.Sprintf("%d %d\n%d %d\n%d %d\n", adminsID, middleID, middleID, innerID, innerID, middleID)
	if err := os.WriteFile("/run/usher-nested/groups", []byte(nested), 0o644); err != nil {
		t.Fatal(err)
	}
	wantMember(t, uid, admins, false)
	administer(t, "gpasswd", "-a", name, inner)
	for _, group := range []string{inner, middle, admins} {
		wantMember(t, uid, group, true)
	}
	administer(t, "gpasswd", "-d", name, inner)
	wantMember(t, uid, admins, false)
	_, through := makeUser(t, "-g", inner)
	wantMember(t, through, admins, true)

	// The service does not answer. Members that are listed by name are still found; for others the call ends at its
	// deadline.
	administer(t, "gpasswd", "-a", name, admins)
	if err := os.WriteFile("/run/usher-nested/silence", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	wantMember(t, uid, admins, true)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if got, err := IsMember(ctx, through, admins); got || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("of a service that does not answer: %t, %v", got, err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

// getent is a program that has two entries.
const getent = `[ "$2" = -- ] || exit 1
case $1:$3 in
passwd:501) entry='%s' ;;
group:admin) entry='%s' ;;
*) exit 1 ;;
esac
[ -n "$entry" ] || exit 2
printf "$entry\n"`

// script writes a program with this text and returns its path.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAnswersOfTheNameServiceSwitch(t *testing.T) {
	const passwd = "jane:x:501:20:Jane:/home/jane:/bin/sh"
	for name, test := range map[string]struct {
		passwd, group, id string
		want              bool
		fails             bool
	}{
		"listed":                      {passwd: passwd, group: "admin:x:80:john,jane", want: true},
		"listed first of three":       {passwd: passwd, group: "admin:x:80:jane,john,ann", want: true},
		"part of a name":              {passwd: passwd, group: "admin:x:80:janet,mary-jane", id: "20"},
		"primary":                     {passwd: passwd, group: "admin:*:20:", want: true},
		"by the groups of a login":    {passwd: passwd, group: "admin:x:80:", id: "20 79 80", want: true},
		"another number":              {passwd: passwd, group: "admin:x:80:", id: "180 800 8"},
		"in none":                     {passwd: passwd, group: "admin:x:80:", id: "20"},
		"another group by its number": {passwd: passwd, group: "wheel:x:80:jane", fails: true},
		"in other letters":            {passwd: passwd, group: "Admin:x:80:jane", want: true},
		"no such group":               {passwd: passwd, fails: true},
		"no such account":             {group: "admin:x:80:jane"},
		"another account":             {passwd: "root:x:0:0::/root:/bin/sh", group: "admin:x:80:root", fails: true},
		"account cut short":           {passwd: "jane:x:501", group: "admin:x:80:jane", fails: true},
		"group cut short":             {passwd: passwd, group: "admin:x", fails: true},
		"group without a number":      {passwd: passwd, group: "admin:x::jane", fails: true},
		"negative number":             {passwd: passwd, group: "admin:x:-2:jane", fails: true},
		"no groups at all":            {passwd: passwd, group: "admin:x:80:"},
		"a name among the groups":     {passwd: passwd, group: "admin:x:80:", id: "80 wheel", fails: true},
		"id fails":                    {passwd: passwd, group: "admin:x:80:", id: "80; exit 1", fails: true},
		"several lines, the first is it": {passwd: passwd + `\nroot:x:0:0::/root:/bin/sh`,
			group: `admin:x:80:jane\nwheel:x:0:`, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			asked := nss{getent: command.Getent.At(script(t, fmt.Sprintf(getent, test.passwd, test.group))),
				id: command.ID.At(script(t, fmt.Sprintf("[ \"$*\" = '-G -- +501' ] || exit 1\necho %s", test.id)))}
			got, err := isMember(t.Context(), asked, 501, "admin")
			if got != test.want || (err != nil) != test.fails {
				t.Errorf("got %t, %v", got, err)
			}
		})
	}
	got, err := isMember(t.Context(), nss{getent: command.Getent.At(filepath.Join(t.TempDir(), "none"))}, 501, "admin")
	if got || !errors.Is(err, command.ErrMissing) {
		t.Errorf("without getent: %t, %v", got, err)
	}
}
