//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"usher.internal/sim/hostile"
	"usher.internal/sim/mac"
)

// rootsWord is in a log that only root can read, ownWord in one of the user's.
const (
	rootsWord = "s3cret-of-root"
	ownWord   = "word-of-jane"
)

// attempt are lines of jamf.log about a registration, with a word in them.
func attempt(word string) string {
	return "Mon Apr 27 09:09:30 mias-mac jamf[512]: Executing Policy Register with Entra " + word + "\n" +
		"Mon Apr 27 09:09:31 mias-mac jamf[512]: Executing Policy Register with Entra " + word + "\n"
}

// hostileHome is a home with a log of the user's, beside anything that the user can link to.
type hostileHome struct {
	*mac.User
	// logs is a folder of logs; secrets is a folder of root's with the log that only root can read.
	logs, secrets string
}

func (s *story) hostileHome(name string) *hostileHome {
	s.t.Helper()
	u := s.user(name)
	h := &hostileHome{u, filepath.Join(u.Home, "Library/Logs/Company Portal"), filepath.Join(s.Directory, "secrets")}
	s.must(os.Mkdir(h.secrets, 0o700))
	s.must(os.WriteFile(h.secret(), []byte(attempt(rootsWord)), 0o600))
	s.does(u, "mkdir -p Library/Logs/'Company Portal' Library/Preferences; cat >Library/Logs/'Company "+
		"Portal'/own.log <<'END'\n"+attempt(ownWord)+"END")
	return h
}

func (h *hostileHome) secret() string { return filepath.Join(h.secrets, "secret.log") }

// does runs a script as the user, at home.
func (s *story) does(u *mac.User, script string) {
	s.t.Helper()
	result, err := u.Run(s.ctx, "/bin/sh", "-ec", "cd '"+u.Home+"'\n"+script)
	s.must(err)
	if result.ExitCode != 0 {
		s.t.Fatalf("%s: %s", script, result.Stderr)
	}
}

// showsNothing fails the test where text contains a word that only root can read.
func (s *story) showsNothing(what, text string) {
	s.t.Helper()
	if strings.Contains(text, rootsWord) {
		s.t.Errorf("%s shows a log that only root can read", what)
	}
}

// A user links to what only root can read, from folders in which root looks for logs. Root sees the user's own log, and
// a note about the link that root does not follow.
func TestRootFollowsNoLinkFromALogFolder(t *testing.T) {
	s := newStory(t, nil)
	s.start()
	jane := s.hostileHome("f-jane")
	s.does(jane.User, fmt.Sprintf(
		"ln -s '%s' Library/Logs/'Company Portal'/link.log; ln -s '%s' Library/Logs/JAMF; mkfifo "+
			"Library/Logs/'Company Portal'/pipe.log", jane.secret(), jane.secrets))
	// The kernel of Linux lets no user do this; that of macOS may.
	hard := filepath.Join(jane.logs, "hard.log")
	s.must(os.Link(jane.secret(), hard))

	page := filepath.Join(s.Directory, "page.html")
	for what, arguments := range map[string][]string{
		"the timeline":               {"timeline", "--user", jane.Name, "--all"},
		"its JSON":                   {"timeline", "--user", jane.Name, "--json"},
		"the timeline of her folder": {"timeline", "--json", filepath.Join(jane.Home, "Library/Logs")},
		"the timeline of links": {"timeline", "--json", filepath.Join(jane.logs, "own.log"),
			filepath.Join(jane.logs, "link.log"), hard, filepath.Join(jane.Home, "Library/Logs/JAMF")},
		"the page": {"timeline", "--user", jane.Name, "--html", page, "--no-redact"},
	} {
		result := s.control(0, arguments...)
		s.showsNothing(what, result.Stdout+result.Stderr)
		if strings.Contains(what, "JSON") && !strings.Contains(result.Stdout, ownWord) {
			t.Errorf("%s does not show her own log: %s", what, result.Stdout)
		}
	}
	sent := filepath.Join(s.Directory, "sent.zip")
	s.must(os.WriteFile(sent, []byte(s.control(0, "send-logs", "--user", jane.Name).Stdout), 0o600))
	for name, content := range unzipped(t, sent) {
		s.showsNothing(name+" for another Mac", content)
	}
	content, err := os.ReadFile(page)
	s.must(err)
	s.showsNothing("the page", string(content))
	if !strings.Contains(string(content), ownWord) {
		t.Error("the page does not show her own log")
	}
	for _, arguments := range [][]string{{"inspect", filepath.Join(jane.logs, "link.log")}, {"inspect", hard},
		{"jamf", "credentials", "set", "--file", filepath.Join(jane.logs, "link.log")}} {
		result := s.control(2, arguments...)
		if !strings.Contains(result.Stderr, "link") {
			t.Errorf("%v: %s", arguments, result.Stderr)
		}
	}

	follows, err := s.StartControl("timeline", "--follow", "--user", jane.Name)
	s.must(err)
	t.Cleanup(follows.Kill)
	_, err = follows.WaitLog(s.ctx, "is not followed", 0)
	s.must(err)
	s.does(jane.User, "cat >>Library/Logs/'Company Portal'/own.log <<'END'\nMon Apr 27 09:10:00 mias-mac jamf[512]: "+
		"Executing Policy Register with Entra later\nEND")
	_, err = follows.WaitLog(s.ctx, "later", 0)
	s.must(err)
	s.showsNothing("the timeline that is followed", follows.Log())
}

// The user exchanges a log for a link and back, again and again, while root reads.
func TestALinkThatComesWhileRootReads(t *testing.T) {
	s := newStory(t, nil)
	s.start()
	jane := s.hostileHome("f-jane")
	script := fmt.Sprintf(`cd '%s/Library/Logs'
ln -s '%s' link; ln -s '%s' out; echo ready
while :; do
	mv -T 'Company Portal' real && mv -T out 'Company Portal' && mv -T 'Company Portal' out && mv -T real 'Company Portal'
	mv -T 'Company Portal/own.log' real.log && mv -T link 'Company Portal/own.log' && mv -T 'Company Portal/own.log' link && mv -T real.log 'Company Portal/own.log'
done`, jane.Home, jane.secret(), jane.secrets)
	s.spawn(callerOf(t, jane.User), jane.Home, "/bin/sh", "-c", script).until("ready")
	s.must(os.WriteFile(filepath.Join(jane.secrets, "own.log"), []byte(attempt(rootsWord)), 0o600))
	for i := range 10 {
		// the result depends on the moment of the look
		result, err := s.Control(s.ctx, "timeline", "--user", jane.Name, "--json")
		s.must(err)
		s.showsNothing("the timeline", result.Stdout+result.Stderr)
		path := filepath.Join(s.Directory, fmt.Sprintf("support-%d.zip", i))
		result, err = s.Control(s.ctx, "bundle", "--user", jane.Name, "--yes", "--no-redact", "--output", path)
		s.must(err)
		if result.ExitCode != 0 {
			t.Fatalf("bundle: %s", result.Stderr)
		}
		for name, content := range unzipped(t, path) {
			s.showsNothing(name+" of the archive", content)
		}
		if t.Failed() {
			break
		}
	}
}

// Root makes files in a user's folder, and replaces nothing there, not even behind a link.
func TestRootReplacesNothingInAUsersFolder(t *testing.T) {
	s := newStory(t, nil)
	s.start()
	jane := s.hostileHome("f-jane")
	victim := filepath.Join(s.Directory, "victim")
	s.must(os.WriteFile(victim, []byte("root's"), 0o644))
	s.does(jane.User, fmt.Sprintf(
		"ln -s '%s' link; ln -s '%s' out; ln -s '%s/new' dangling; echo jane >there; mkfifo pipe; ln -s "+
			"/dev/null device", victim, s.Directory, s.Directory))
	own := filepath.Join(jane.logs, "own.log")
	for _, name := range []string{"link", "out/victim", "out/new", "dangling", "there", "pipe", "device"} {
		for _, arguments := range [][]string{
			{"timeline", own, "--html", filepath.Join(jane.Home, name)},
			{"config", "schema", "--output", filepath.Join(jane.Home, name)},
			{"bundle", "--user", jane.Name, "--yes", "--output", filepath.Join(jane.Home, name)},
		} {
			result, err := s.Control(s.ctx, arguments...)
			s.must(err)
			if result.ExitCode == 0 {
				t.Errorf("%s wrote through %s", arguments[0], name)
			}
		}
	}
	if content, err := os.ReadFile(victim); string(content) != "root's" || err != nil {
		t.Errorf("root's file has %.20q, %v", content, err)
	}
	if content, err := os.ReadFile(filepath.Join(jane.Home, "there")); string(content) != "jane\n" || err != nil {
		t.Errorf("her file has %.20q, %v", content, err)
	}
	if _, err := os.Lstat(filepath.Join(s.Directory, "new")); err == nil {
		t.Error("a file was made behind a link")
	}
	page := filepath.Join(jane.Home, "page.html")
	s.control(0, "timeline", own, "--html", page)
	info, err := os.Lstat(page)
	s.must(err)
	if info.Mode() != 0o600 || info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("the page has mode %s and belongs to uid %d", info.Mode(), info.Sys().(*syscall.Stat_t).Uid)
	}
	s.control(20, "timeline", own, "--html", page)
}

// A hostile file in place of Jamf's property list costs the agent and usherctl little, and they never wait for it.
func TestHostilePropertyLists(t *testing.T) {
	s := newStory(t, everySource(nil))
	s.start()
	jane := s.loggedIn("f-jane")
	path := filepath.Join(jane.Home, "Library/Preferences/com.jamf.management.jamfAAD.plist")
	s.must(os.MkdirAll(filepath.Dir(path), 0o755))
	look := func(what string) {
		t.Helper()
		for _, one := range s.look(jane).Evidence {
			if strings.HasSuffix(one.Source, "JAMF_AGENT") {
				if !strings.HasSuffix(one.Finding, "COULD_NOT_LOOK") {
					t.Errorf("%s: %+v", what, one)
				}
				return
			}
		}
		t.Errorf("%s: nothing is said of Jamf's state", what)
	}
	for _, name := range []string{"shared references", "shared references, wide count", "shared references, wide table",
		"UTF-16 whose length wraps",
		"long UTF-16 in many objects", "a long string shared", "deep XML with spaces"} {
		content := hostile.PropertyLists()[name]
		s.must(os.WriteFile(path, content, 0o644))
		look(name)
		result, err := s.Run(s.ctx, "/bin/sh", "-c",
			fmt.Sprintf("ulimit -v 4000000; exec '%s' inspect '%s'", s.Programs.Control, path))
		s.must(err)
		if result.ExitCode != 2 {
			t.Errorf("inspect of %s: %d, %.300s", name, result.ExitCode, result.Stderr)
		}
	}
	s.must(os.Remove(path))
	s.must(syscall.Mkfifo(path, 0o666))
	look("a pipe")
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", jane.Agent.PID()))
	s.must(err)
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	kilobytes, err := strconv.Atoi(string(found[1]))
	s.must(err)
	if kilobytes<<10 > maximumResident {
		t.Errorf("the agent had %d MB in memory", kilobytes>>10)
	}
	s.unharmed()
}
