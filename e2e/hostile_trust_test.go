//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/mac"
)

// withLocalBin gives usherd its own /usr/local/bin, which is another directory, and has it deliver by recon with the
// jamf in it.
func (s *story) withLocalBin(directory string) {
	s.t.Helper()
	wrapper := filepath.Join(s.Directory, "usherd-with-local-bin")
	s.must(os.WriteFile(wrapper,
		fmt.Appendf(nil, "#!/bin/sh\nexec unshare --mount /bin/sh -c 'mount --bind %s /usr/local/bin && exec %s "+
			"\"$@\"' usherd \"$@\"\n",
			directory, s.Programs.Helper), 0o755))
	s.Programs.Helper = wrapper
	s.must(s.Set(map[string]any{"delivery.mode": "recon", "jamf.executable": "/usr/local/bin/jamf"}))
}

// doctorSays returns the result of one of doctor's checks.
func (s *story) doctorSays(name string) (result, evidence string) {
	s.t.Helper()
	said, err := s.Control(s.ctx, "doctor", "--json") // the exit code is that of all checks
	s.must(err)
	for line := range strings.Lines(said.Stdout) {
		var found struct {
			Data struct{ Name, Result, Evidence, Fix string }
		}
		s.must(json.Unmarshal([]byte(line), &found))
		if found.Data.Name == name {
			return found.Data.Result, found.Data.Evidence
		}
	}
	s.t.Fatalf("doctor does not say %s: %s", name, said.Stdout)
	return "", ""
}

// deliveredOf has a user gather, and waits until an attempt to deliver the result has ended.
func (s *story) deliveredOf(u *mac.User) {
	s.t.Helper()
	_, err := u.Control(s.ctx, "gather") // the exit code is that of the user's state
	s.must(err)
	_, err = s.Helper.WaitLog(s.ctx, fmt.Sprintf("uid=%d attempts=1 ", u.UID), 0)
	s.must(err)
}

// Homebrew gives /usr/local/bin to a user on Macs with an Intel processor. This user linked jamf to /usr/bin/env, which
// then ran a program of theirs called recon, as root.
func TestUserWhoOwnsTheDirectoryOfJamfsLinkIsNotRoot(t *testing.T) {
	s := newStory(t, nil)
	bin, proof := filepath.Join(s.Directory, "local-bin"), filepath.Join(s.Directory, "ran-as-root")
	s.must(os.Mkdir(bin, 0o755))
	s.withLocalBin(bin)
	mallory := s.user("h-mallory")
	s.must(os.Chown(bin, int(mallory.UID), int(mallory.GID)))
	attacker := s.spawn(callerOf(t, mallory), mallory.Home, "/bin/sh", "-c",
		`ln -s /usr/bin/env "$0/jamf" && printf '#!/bin/sh\nid -u >%s\n' "$1" >"$0/recon" && chmod 755 `+
			`"$0/recon" && echo laid`, bin, proof)
	attacker.until("laid")
	s.start()

	// An account without a session can start and end a gathering.
	id, err := usherv1.NewRegistrationServiceClient(s.client(callerOf(t, mallory))).StartRegistration(s.ctx,
		&usherv1.StartRegistrationRequest{Kind: usherv1.RegistrationKind_REGISTRATION_KIND_GATHER, User: mallory.Name})
	s.must(err)
	s.controlAs(mallory, 0, "registrations", "cancel", id.GetRegistration().GetId())
	// A logged-in user gathers: the result is delivered in any case.
	jane := s.loggedIn("h-jane")
	_, err = s.Helper.WaitLog(s.ctx, "session connected", 0)
	s.must(err)
	s.deliveredOf(jane)

	if uid, err := os.ReadFile(proof); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the user's program ran as uid %s: %v", strings.TrimSpace(string(uid)), err)
	}
	fix := "/usr/local/bin belongs to uid " + fmt.Sprint(mallory.UID) +
		", so others could have root run another program; set jamf.executable to /usr/local/jamf/bin/jamf"
	if result, evidence := s.doctorSays("jamf-binary"); result != "CHECK_RESULT_FAILED" ||
		!strings.Contains(evidence, fix) {
		t.Errorf("doctor says %s: %s", result, evidence)
	}
	for who, said := range map[string]string{"the log": s.Helper.Log(),
		"the outbox": s.control(0, "outbox", "list", "--json").Stdout} {
		if !strings.Contains(said, fix) {
			t.Errorf("%s does not name the fix: %s", who, said)
		}
	}
}

// An earlier profile has /usr/local/bin/jamf, which is fine where root owns /usr/local/bin.
func TestJamfBehindALinkOfRootIsRun(t *testing.T) {
	s := newStory(t, nil)
	bin, proof := filepath.Join(s.Directory, "local-bin"), filepath.Join(s.Directory, "ran")
	program := filepath.Join(s.Directory, "jamf", "bin", "jamf")
	s.must(errors.Join(os.Mkdir(bin, 0o755), os.MkdirAll(filepath.Dir(program), 0o755),
		os.Symlink(program, filepath.Join(bin, "jamf")),
		os.WriteFile(program, fmt.Appendf(nil, "#!/bin/sh\necho \"$1 $PATH\" >%s\n", proof), 0o755)))
	s.withLocalBin(bin)
	s.start()
	jane := s.loggedIn("h-jane")
	_, err := s.Helper.WaitLog(s.ctx, "session connected", 0)
	s.must(err)
	s.deliveredOf(jane)
	if ran, err := os.ReadFile(proof); err != nil || string(ran) != "recon /usr/bin:/bin:/usr/sbin:/sbin\n" {
		t.Errorf("%q, %v", ran, err)
	}
	if result, evidence := s.doctorSays("jamf-binary"); result != "CHECK_RESULT_OK" {
		t.Errorf("doctor says %s: %s", result, evidence)
	}
}

// usherd keeps its sockets, its journal and its configuration where no user can change them, and does not use a file of
// a user's.
func TestDirectoriesOfAnotherUserAreRefused(t *testing.T) {
	s := newStory(t, nil)
	mallory := s.user("h-mallory")
	victim := filepath.Join(s.Directory, "victim")
	s.must(os.Mkdir(victim, 0o755))
	// The user makes them before root does: in their home, and in a folder open to everybody.
	open := filepath.Join(s.Directory, "tmp")
	s.must(errors.Join(os.Mkdir(open, 0o755), os.Chmod(open, 0o777|fs.ModeSticky),
		os.Symlink(victim, filepath.Join(s.Directory, "link"))))
	s.spawn(callerOf(t, mallory), mallory.Home, "/bin/sh", "-c",
		`cd "$0" && mkdir theirs && ln -s "$2" link && cd "$1" && mkdir theirs && ln -s "$2" link && echo laid`,
		mallory.Home, open, victim).until("laid")

	belongs := fmt.Sprintf("belongs to uid %d", mallory.UID)
	ordinary := map[string]any{"socket_directory": filepath.Dir(s.HelperSocket()),
		"state_directory": s.StateDirectory()}
	for _, key := range []string{"socket_directory", "state_directory"} {
		for path, says := range map[string]string{
			filepath.Join(mallory.Home, "theirs"): mallory.Home + " " + belongs,
			filepath.Join(mallory.Home, "new"):    mallory.Home + " " + belongs,
			filepath.Join(mallory.Home, "link"):   mallory.Home + " " + belongs,
			filepath.Join(open, "theirs"):         filepath.Join(open, "theirs") + " " + belongs,
			filepath.Join(open, "link"):           filepath.Join(open, "link") + " is a symbolic link",
			filepath.Join(open, "link", "usher"):  filepath.Join(open, "link") + " " + belongs,
			filepath.Join(s.Directory, "link"):    filepath.Join(s.Directory, "link") + " is a symbolic link",
		} {
			s.must(s.Set(ordinary))
			s.must(s.Set(map[string]any{key: path}))
			exitCode, log := s.startAttempt()
			if exitCode <= 0 || !strings.Contains(log, says) {
				t.Errorf("%s: %s: usherd ended with %d, and does not say %q:\n%s", key, path, exitCode, says, log)
			}
		}
	}
	if info, err := os.Stat(victim); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the target of the links is %v, %v", info, err)
	}
	if entries, err := os.ReadDir(victim); err != nil || len(entries) != 0 {
		t.Errorf("the target of the links holds %v, %v", entries, err)
	}

	// Root's own file, in a directory that a user can change.
	s.must(s.Set(ordinary))
	content, err := os.ReadFile(s.ConfigFile())
	s.must(err)
	configuration := filepath.Join(mallory.Home, "config.yaml")
	s.must(os.WriteFile(configuration, content, 0o644))
	helper := s.spawn(root, "/", s.Programs.Helper, "--config", configuration)
	if code := helper.wait(); code != 78 ||
		!strings.Contains(strings.Join(helper.read, "\n"), mallory.Home+" "+belongs) {
		t.Errorf("usherd ended with %d: %q", code, helper.read)
	}
	s.start() // with a directory of root's
}

// startAttempt runs a further usherd until it ends, or serves, which is exit code 0.
func (s *story) startAttempt() (exitCode int, log string) {
	s.t.Helper()
	helper := s.spawn(root, "/", s.Programs.Helper, "--config", s.ConfigFile())
	for helper.lines.Scan() {
		helper.read = append(helper.read, helper.lines.Text())
		if strings.Contains(helper.lines.Text(), "usherd serves") {
			helper.kill()
			return 0, strings.Join(helper.read, "\n")
		}
	}
	return helper.wait(), strings.Join(helper.read, "\n")
}
