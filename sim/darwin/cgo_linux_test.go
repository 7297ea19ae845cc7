//go:build linux && amd64

package darwin_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"usher.internal/sim/darwin"
)

// sdk is written once, for all tests with cgo.
var sdk = sync.OnceValues(func() (*darwin.SDK, error) {
	directory := filepath.Join(scratch, "sdk")
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return nil, err
	}
	return loader.WriteSDK(context.Background(), directory)
})

// TestUsherWithCgo runs the tests of the packages that differ with cgo, built by clang and lld.
func TestUsherWithCgo(t *testing.T) {
	runSuites(t, []suite{
		{pkg: module + "useragent/keychain", short: true, cgo: true, environment: []string{checkReleases}},
		{pkg: module + "useragent/identity", cgo: true},
		{pkg: module + "useragent/leftovers", cgo: true},
		{pkg: module + "internal/corefoundation", cgo: true, environment: []string{checkReleases}},
		{pkg: module + "internal/accounts", cgo: true, environment: []string{checkReleases}},
	})
}

// The agent that ships is built with cgo.
func TestAgentWithCgo(t *testing.T) {
	kit, err := sdk()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "usher-agent")
	if err := kit.Compile(t.Context(), program, "usher.internal/cmd/usher-agent"); err != nil {
		t.Fatal(err)
	}
	output, err := loader.Command(t.Context(), program, "--version").CombinedOutput()
	if err != nil || string(output) != "usher-agent development\n" {
		t.Errorf("%v, output\n%s", err, output)
	}
}
