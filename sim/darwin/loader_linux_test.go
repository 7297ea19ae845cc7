//go:build linux && amd64

package darwin_test

import "testing"

// TestBehaviour runs behaviour_darwin_test.go: the loader's models of macOS, stated in tests that a Mac can run too.
func TestBehaviour(t *testing.T) {
	suite{pkg: "usher.internal/sim/darwin"}.test(t)
}

// TestGo runs tests of Go's own standard library, and the whole suite of fsnotify for kqueue.
func TestGo(t *testing.T) {
	const (
		nohup = "Linux's nohup starts the test again, and Linux cannot start a darwin program"
		root  = "root may read what the test has forbidden; it fails as root on a Mac too"
	)
	runSuites(t, []suite{
		{pkg: "github.com/fsnotify/fsnotify", fails: map[string]string{
			"TestScript/watch-dir/unreadable-file": root,
			"TestAdd/permission_denied":            root,
		}},
		{pkg: "os/signal", fails: map[string]string{
			"TestDetectNohup":   nohup,
			"TestNohup/nohup/1": nohup,
			"TestNohup/nohup/2": nohup,
		}},
		{pkg: "os/exec"},
		{pkg: "os/user"},
		{pkg: "net", run: "Unix|TestReadUnixgram|TestUnixConn"},
		{pkg: "crypto/x509", environment: []string{"MACHORUN_ROOTS=platform_root_cert.pem", checkReleases}},
		{pkg: "time"},
		{pkg: "sync"},
		{pkg: "syscall", fails: map[string]string{
			"TestGetfsstat": "the list of volumes is not modelled",
		}},
		{pkg: "os", fails: map[string]string{
			"TestRootConsistencyRename/from/symlink_slash": "Linux refuses to rename a link whose name has a " +
				"slash after it",
		}},
		{pkg: "runtime/debug"},
	})
}
