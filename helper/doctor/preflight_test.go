package doctor_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"howett.net/plist"

	"usher.internal/helper/doctor"
	"usher.internal/helper/registration"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func file(t *testing.T, mode os.FileMode, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func executable(t *testing.T) string { return file(t, 0o755, []byte("#!/bin/sh\n")) }

func preferences(t *testing.T, content any) string {
	t.Helper()
	encoded, err := plist.Marshal(content, plist.BinaryFormat)
	if err != nil {
		t.Fatal(err)
	}
	return file(t, 0o644, encoded)
}

func listening(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

// closed is an address of this computer on which nobody listens any more.
func closed(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// bundled returns a program in an application bundle of that version.
func bundled(t *testing.T, version string) string {
	t.Helper()
	contents := filepath.Join(t.TempDir(), "Company Portal.app", "Contents")
	if err := os.MkdirAll(filepath.Join(contents, "MacOS"), 0o755); err != nil {
		t.Fatal(err)
	}
	information, err := plist.Marshal(map[string]any{"CFBundleShortVersionString": version}, plist.XMLFormat)
	if err != nil {
		t.Fatal(err)
	}
	executable := filepath.Join(contents, "MacOS", "Company Portal")
	if err := errors.Join(os.WriteFile(filepath.Join(contents, "Info.plist"), information, 0o644),
		os.WriteFile(executable, []byte("#!/bin/sh\n"), 0o755)); err != nil {
		t.Fatal(err)
	}
	return executable
}

// trouble runs the preflight and returns the reason and the sentence, or "" twice.
func trouble(t *testing.T, config doctor.Config) (registration.FailureReason, string) {
	t.Helper()
	err := doctor.New(config).Check(t.Context())
	if err == nil {
		return "", ""
	}
	found, ok := errors.AsType[*registration.PreflightError](err)
	if !ok {
		t.Fatalf("not a PreflightError: %v", err)
	}
	return found.Reason, found.Detail
}

func TestPreflight(t *testing.T) {
	notOurs := executable(t)
	if err := os.Chown(notOurs, 65534, 65534); err != nil {
		t.Fatalf("this test needs root: %v", err)
	}
	portal, gone, directory := executable(t), filepath.Join(t.TempDir(), "none"), t.TempDir()
	notExecutable, writable := file(t, 0o644, nil), file(t, 0o757, nil)
	off, unset := preferences(t, map[string]any{"microsoftCAEnabled": false}),
		preferences(t, map[string]any{"jss_url": "https://example.jamfcloud.com/"})
	refused, refusedToo := closed(t), closed(t)

	for name, test := range map[string]struct {
		config doctor.Config
		reason registration.FailureReason
		says   []string
	}{
		"all is well": {config: doctor.Config{PortalExecutable: portal,
			JamfPreferences: preferences(t, map[string]any{"microsoftCAEnabled": true}),
			Endpoints:       []string{listening(t)}}},
		"checks that are off": {config: doctor.Config{PortalExecutable: portal}},
		"portal missing": {doctor.Config{PortalExecutable: gone}, registration.ReasonPortalMissing,
			[]string{gone, "Install"}},
		"portal below a file": {doctor.Config{PortalExecutable: portal + "/x"}, registration.ReasonPortalMissing,
			[]string{portal + "/x"}},
		"portal is a directory": {doctor.Config{PortalExecutable: directory}, registration.ReasonPortalMissing,
			[]string{directory, "directory"}},
		"portal is not executable": {doctor.Config{PortalExecutable: notExecutable}, registration.ReasonPortalMissing,
			[]string{notExecutable, "0644"}},
		"portal of another user": {doctor.Config{PortalExecutable: notOurs}, registration.ReasonPortalNotTrusted,
			[]string{notOurs, "65534"}},
		"portal writable by all": {doctor.Config{PortalExecutable: writable}, registration.ReasonPortalNotTrusted,
			[]string{writable, "0757", "chmod"}},

		"conditional access off": {doctor.Config{PortalExecutable: portal, JamfPreferences: off},
			registration.ReasonConditionalAccessDisabled,
			[]string{"microsoftCAEnabled is false", off, "sudo /usr/local/jamf/bin/jamf manage"}},
		"conditional access never set": {doctor.Config{PortalExecutable: portal, JamfPreferences: unset},
			registration.ReasonConditionalAccessDisabled,
			[]string{"microsoftCAEnabled is not in", unset, "sudo /usr/local/jamf/bin/jamf manage"}},
		"conditional access as a number": {config: doctor.Config{PortalExecutable: portal,
			JamfPreferences: preferences(t, map[string]any{"microsoftCAEnabled": 1})}},
		"no Jamf preferences": {config: doctor.Config{PortalExecutable: portal, JamfPreferences: gone}},

		"portal too old": {doctor.Config{PortalExecutable: bundled(t, "5.2503.1"), PortalMinimumVersion: "5.2504"},
			registration.ReasonPortalTooOld, []string{"5.2503.1", "5.2504", "Update", "portal.minimum_version"}},
		"portal new enough": {
			config: doctor.Config{PortalExecutable: bundled(t, "5.2504.0"), PortalMinimumVersion: "5.2504"}},
		"portal of any version": {config: doctor.Config{PortalExecutable: bundled(t, "1")}},
		"portal in no bundle": {
			config: doctor.Config{PortalExecutable: portal, PortalMinimumVersion: "5.2504"}},
		"a version that is not one": {
			config: doctor.Config{PortalExecutable: bundled(t, "five"), PortalMinimumVersion: "5.2504"}},
		"not part of the preflight": {
			config: doctor.Config{PortalExecutable: portal, AgentExecutable: gone, JamfExecutable: gone,
				Journal: func() error { return errors.New("full") }}},

		"one endpoint of two": {config: doctor.Config{PortalExecutable: portal,
			Endpoints: []string{refused, listening(t)}}},
		"no endpoint of two": {doctor.Config{PortalExecutable: portal, Endpoints: []string{refused, refusedToo}},
			registration.ReasonEndpointsUnreachable, []string{refused, refusedToo, "refused", "preflight.endpoints"}},
		"the first is reported": {doctor.Config{PortalExecutable: gone, JamfPreferences: off,
			Endpoints: []string{refused}}, registration.ReasonPortalMissing, []string{gone}},
		"cheap before network": {doctor.Config{PortalExecutable: portal, JamfPreferences: off,
			Endpoints: []string{refused}}, registration.ReasonConditionalAccessDisabled, []string{off}},
	} {
		t.Run(name, func(t *testing.T) {
			reason, says := trouble(t, test.config)
			if reason != test.reason {
				t.Errorf("reason is %q (%s), want %q", reason, says, test.reason)
			}
			for _, part := range test.says {
				if !strings.Contains(says, part) {
					t.Errorf("%q does not say %q", says, part)
				}
			}
			if says != "" && !strings.HasSuffix(says, ".") {
				t.Errorf("%q is not a sentence", says)
			}
		})
	}
}

func TestWhatCouldNotBeReadIsLoggedAndPasses(t *testing.T) {
	var log bytes.Buffer
	broken := file(t, 0o644, []byte("<plist><dict>"))
	config := doctor.Config{PortalExecutable: executable(t), JamfPreferences: broken,
		Logger: slog.New(slog.NewTextHandler(&log, nil))}
	if reason, says := trouble(t, config); reason != "" {
		t.Errorf("got %s: %s", reason, says)
	}
	if !strings.Contains(log.String(), broken) {
		t.Errorf("the log does not name the file: %s", log.String())
	}
}

// hangs is an endpoint that never answers.
func hangs(ctx context.Context, _, _ string) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestEndpointsThatDoNotAnswerEndAfterFiveSeconds(t *testing.T) {
	portal := executable(t)
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		reason, _ := trouble(t, doctor.Config{PortalExecutable: portal,
			Endpoints: []string{"one.example:443", "two.example:443"}, Dial: hangs})
		if took := time.Since(begun); reason != registration.ReasonEndpointsUnreachable || took != 5*time.Second {
			t.Errorf("%q after %s", reason, took)
		}
	})
}

func TestFirstAnswerIsEnough(t *testing.T) {
	portal := executable(t)
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		dial := func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == "slow.example:443" {
				return hangs(ctx, network, address)
			}
			here, _ := net.Pipe()
			return here, nil
		}
		reason, says := trouble(t, doctor.Config{PortalExecutable: portal,
			Endpoints: []string{"slow.example:443", "fast.example:443"}, Dial: dial})
		if reason != "" || time.Since(begun) != 0 {
			t.Errorf("%q (%s) after %s", reason, says, time.Since(begun))
		}
	})
}

func TestEndedContextIsNoTroubleOfTheComputer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	config := doctor.Config{PortalExecutable: executable(t), Endpoints: []string{"slow.example:443"},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			cancel()
			return hangs(ctx, network, address)
		}}
	err := doctor.New(config).Check(ctx)
	if _, found := errors.AsType[*registration.PreflightError](err); found || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func BenchmarkCheck(b *testing.B) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	accepting := make(chan struct{})
	defer func() { listener.Close(); <-accepting }()
	go func() {
		defer close(accepting)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			connection.Close()
		}
	}()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	checks := doctor.New(doctor.Config{PortalExecutable: self, Endpoints: []string{listener.Addr().String()}})
	for b.Loop() {
		if err := checks.Check(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
