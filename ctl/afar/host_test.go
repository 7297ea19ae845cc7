package afar

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"usher.internal/ctl/answer"
)

func TestHosts(t *testing.T) {
	for text, want := range map[string]Host{
		"mac.example.org":                     {name: "mac.example.org"},
		"ssh://mac.example.org":               {name: "mac.example.org"},
		"ssh://mac.example.org/":              {name: "mac.example.org"},
		"jane@mac":                            {user: "jane", name: "mac"},
		"ssh://jane@mac:2222":                 {user: "jane", name: "mac", port: "2222"},
		"ssh://jane@corp.example@mac":         {user: "jane@corp.example", name: "mac"},
		`ssh://CORP%5Cjane@mac`:               {user: `CORP\jane`, name: "mac"},
		"ssh://[2001:db8::1]:22":              {name: "2001:db8::1", port: "22"},
		"admin@[fe80::1%25en0]":               {user: "admin", name: "fe80::1%en0"},
		"ssh://[::1]:2722":                    {name: "::1", port: "2722"},
		"[::1]":                               {name: "::1"},
		"ssh://jane@[fe80::1%25en0]:22":       {user: "jane", name: "fe80::1%en0", port: "22"},
		"[::ffff:10.0.0.1]":                   {name: "::ffff:10.0.0.1"},
		"10.0.0.1:65535":                      {name: "10.0.0.1", port: "65535"},
		"ssh://jane.o-neil+x@mac_7.local:022": {user: "jane.o-neil+x", name: "mac_7.local", port: "022"},
	} {
		got, err := parseHost(text)
		if err != nil || got != want {
			t.Errorf("%s is %+v, %v", text, got, err)
			continue
		}
		if again, err := parseHost(got.String()); !strings.ContainsAny(text, `%\`) && (err != nil || again != got) {
			t.Errorf("%s is shown as %s, which is %+v, %v", text, got, again, err)
		}
	}
}

// ssh never gets an argument that it, or a shell, would take for something other than a host.
func TestHostsThatAreNone(t *testing.T) {
	for _, text := range []string{
		"", "ssh://", "ssh:///", "-oProxyCommand=touch", "ssh://-oProxyCommand=touch", "-l@mac", "ssh://-v@mac",
		"mac;reboot", "mac reboot", "$(reboot)",
		"`reboot`", "mac|reboot", "ssh://mac/path", "ssh://mac?x=y", "ssh://mac#x", "http://mac", "file:///etc/passwd",
		"mac:0", "mac:65536", "mac:-1", "mac:ssh",
		"jane:secret@mac", "ssh://jane:secret@mac", "ssh://jane:@mac", "jane:se%cret:secret@mac", "::1",
		"ssh://jane@fe80::1", "[::1", "[]", "[mac]", "ssh://[fe80::1%25en0;reboot]", "ssh://[fe80::1%25]", "mac%25x",
		"ssh://jane:secret%@mac", "jane doe@mac", "jane'@mac", "ja$ne@mac", "größe", "mac\n", "mac\x00", "ssh://mac%0a",
		"*", "'",
	} {
		got, err := parseHost(text)
		if err == nil || got != (Host{}) || !strings.HasSuffix(err.Error(), "; it is ssh://[user@]host[:port]") {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is shown: %v", err)
		}
	}
}

func TestTargets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(file, []byte("# Macs\n\n  mac1  \nssh://jane@mac2\nssh://mac1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := Hosts{named: []string{"mac3", "jane@mac2"}, file: file, parallel: 1}
	got, err := flags.targets()
	var names []string
	for _, one := range got {
		names = append(names, one.String())
	}
	if err != nil || strings.Join(names, " ") != "mac3 jane@mac2 mac1" {
		t.Errorf("%q, %v", names, err)
	}
	for _, parallel := range []int{-1, 0, 257} {
		if _, err := (&Hosts{parallel: parallel}).targets(); err == nil {
			t.Errorf("%d at a time are taken", parallel)
		}
	}
}

func TestSSHCommand(t *testing.T) {
	command, err := Host{user: "jane", name: "mac", port: "22"}.sshCommand(t.Context(), false, "send-logs",
		"--user=o'neil")
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Join(command.Args, " ")
	if !strings.Contains(line, "-o BatchMode=yes -l jane -p 22 -- mac /usr/bin/env PATH=") ||
		!strings.HasSuffix(line, `usherctl 'send-logs' '--user=o'\''neil'`) {
		t.Error(line)
	}
	// If a person is there, ssh may ask for a password.
	if command, err = (Host{name: "mac"}).sshCommand(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if line := strings.Join(command.Args, " "); strings.Contains(line,
		"BatchMode") || strings.Contains(line, " -l ") {
		t.Error(line)
	}
}

// ssh accepts the command that an admin is advised to try.
func TestHintThatSSHTakes(t *testing.T) {
	for _, test := range []struct {
		host Host
		want string
	}{
		{Host{name: "mac"}, "try `ssh mac /usr/local/usher/usherctl status`"},
		{Host{user: "brkadm", name: "127.0.0.1", port: "2722"},
			"try `ssh -p 2722 brkadm@127.0.0.1 /usr/local/usher/usherctl status`"},
		{Host{user: "jane", name: "::1"}, "try `ssh jane@::1 /usr/local/usher/usherctl status`"},
		{Host{user: `CORP\jane`, name: "mac"},
			`try ` + "`" + `ssh 'CORP'\\'jane@mac' /usr/local/usher/usherctl status` + "`"},
	} {
		err := test.host.explainSSH(nil, "", "")
		if failed, ok := errors.AsType[*answer.Failure](err); !ok || failed.Hint != test.want {
			t.Errorf("%+v: %+v, want the hint %s", test.host, err, test.want)
		}
	}
}

func TestExplainSSH(t *testing.T) {
	for _, test := range []struct {
		ends      string // how a command ends, as a shell reports it
		complaint string
		printed   string
		code      answer.ExitCode
		message   string
	}{
		{"exit 255", "Warning: something\r\nssh: connect to host mac port 22: Connection refused\r\n", "",
			answer.ExitNoHelper,
			"mac cannot be asked: ssh: connect to host mac port 22: Connection refused"},
		{"exit 255", "", "", answer.ExitNoHelper, "mac cannot be asked: ssh ended without a message"},
		{"exit 255", "\n \n", "", answer.ExitNoHelper, "mac cannot be asked: ssh ended without a message"},
		{"exit 0", "", "", answer.ExitNoHelper, "mac cannot be asked: ssh ended without a message"},
		{"kill -9 $$", "", "", answer.ExitNoHelper, "mac cannot be asked: ssh ended without a message"},
		{"exit 127", "env: usherctl: No such file or directory\n", "", answer.ExitNoHelper,
			"mac cannot be asked: there is no usherctl on it"},
		{"exit 2", "usherctl: unknown command\n", "", answer.ExitNoHelper,
			"mac cannot be asked: usherctl there is too old or too new, and does not know what it was asked for"},
		{"exit 2", "usherctl: unknown flag: --announce\n", "Welcome", answer.ExitNoHelper,
			"mac cannot be asked: usherctl there is too old or too new, and does not know what it was asked for"},
		{"exit 2", "bash: syntax error\n", "", answer.ExitNoHelper, "mac cannot be asked: bash: syntax error"},
		{"exit 3", "motd\nusherctl: usherd cannot be reached: no\nhint: start it\n", "", answer.ExitNoHelper,
			"mac: usherd cannot be reached: no"},
		{"exit 17", "usherctl: the configuration\n", "", answer.ExitConfiguration, "mac: the configuration"},
		{"exit 3", "", "", answer.ExitNoHelper, "mac: ssh ended without a message"},
		// The exit code of a shell there must not be taken for an exit code of usherctl or Company Portal.
		{"exit 1", "This account is not available.\n", "", answer.ExitNoHelper,
			"mac cannot be asked: This account is not available."},
		{"exit 66", "profile failed\n", "", answer.ExitNoHelper, "mac cannot be asked: profile failed"},
		{"exit 0", "", "Welcome", answer.ExitNoHelper,
			`mac cannot be asked: it printed "Welcome" before usherctl spoke`},
		{"exit 142", "", "Please log in as admin", answer.ExitNoHelper,
			`mac cannot be asked: it printed "Please log in as admin" before usherctl spoke`},
		{"exit 255", "Connection reset\r\n", "Welcome", answer.ExitNoHelper,
			`mac cannot be asked: it printed "Welcome" before usherctl spoke, and then: Connection reset`},
		{"exit 127", "env: usherctl\n", "Welcome", answer.ExitNoHelper,
			"mac cannot be asked: there is no usherctl on it"},
		{"exit 3", "usherctl: usherd cannot be reached: no\n", "Welcome", answer.ExitNoHelper,
			"mac: usherd cannot be reached: no"},
		{"exit 126", "", "", answer.ExitNoHelper, "mac cannot be asked: ssh ended without a message"},
	} {
		ended := exec.Command("sh", "-c", test.ends).Run()
		err := Host{name: "mac"}.explainSSH(ended, test.complaint, test.printed)
		failed, ok := errors.AsType[*answer.Failure](err)
		if !ok || failed.Code != test.code || failed.Message != test.message ||
			failed.Reason != "HOST_UNREACHABLE" || failed.Hint == "" {
			t.Errorf("%s with %q: %+v", test.ends, test.complaint, err)
		}
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	kept := &tail{limit: 5}
	for _, text := range []string{"abc", "defg", "", "h"} {
		if n, err := kept.Write([]byte(text)); n != len(text) || err != nil {
			t.Error(n, err)
		}
	}
	if kept.String() != "defgh" {
		t.Error(kept.String())
	}
}

func TestSeveralHostsEndTogether(t *testing.T) {
	for _, test := range []struct{ ended, want []answer.ExitCode }{
		{[]answer.ExitCode{answer.ExitDone}, nil},
		{[]answer.ExitCode{answer.ExitDone, answer.ExitDone}, nil},
		{[]answer.ExitCode{answer.ExitNoHelper, answer.ExitNoHelper}, []answer.ExitCode{answer.ExitNoHelper}},
		{[]answer.ExitCode{answer.ExitDone, answer.ExitNoHelper}, []answer.ExitCode{answer.ExitHostsDiffer}},
		{[]answer.ExitCode{answer.ExitDoctorFailed, answer.ExitDone, answer.ExitDone},
			[]answer.ExitCode{answer.ExitHostsDiffer}},
		{[]answer.ExitCode{answer.ExitDoctorFailed, answer.ExitDoctorWarning},
			[]answer.ExitCode{answer.ExitHostsDiffer}},
	} {
		var answers []hostAnswer
		for _, code := range test.ended {
			answers = append(answers, hostAnswer{ExitCode: code})
		}
		err := together(answers)
		if failed, _ := errors.AsType[*answer.Failure](err); (failed == nil) != (test.want == nil) ||
			failed != nil && (failed.Code != test.want[0] || failed.Message != "") {
			t.Errorf("%v is %+v", test.ended, failed)
		}
	}
}

func TestRemotePath(t *testing.T) {
	// On the other Mac the user may be root too.
	if path := remotePath(); strings.Contains(path, "/usr/local/bin") ||
		!strings.HasPrefix(path, "PATH=/usr/local/usher:/usr/libexec/usher:") {
		t.Error(path)
	}
}
