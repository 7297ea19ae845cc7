//go:build linux

package packaging_test

import (
	"testing"
	"time"

	"usher.internal/packaging"
)

// TestVersions checks the versions for Debian and macOS, and that each is newer than the one before it.
func TestVersions(t *testing.T) {
	first, second := time.Unix(1790000000, 0), time.Unix(1790086400, 0)
	debianBefore := "0~"
	for _, test := range []struct {
		version       string
		date          time.Time
		debian, macOS string
	}{
		{"0123abc", first, "0~20260921.141320.0123abc", "0.20260921.141320"},
		{"0123abc-dirty", second, "0~20260922.141320.0123abc.dirty", "0.20260922.141320"},
		{"v0.1", first, "0.1", "0.1"},
		{"v1.2.3", first, "1.2.3", "1.2.3"},
		{"v1.2.3-4-g0123abc", first, "1.2.3+4.g0123abc", "1.2.3.4"},
		{"v1.2.3-10-g0123abc-dirty", first, "1.2.3+10.g0123abc+dirty", "1.2.3.10"},
		{"v1.2.4", first, "1.2.4", "1.2.4"},
	} {
		debian := packaging.DebianVersion(test.version, test.date)
		if debian != test.debian {
			t.Errorf("DebianVersion(%q) = %q, want %q", test.version, debian, test.debian)
		}
		if got := packaging.InstallerVersion(packaging.Release{Version: test.version, Date: test.date}); got !=
			test.macOS {
			t.Errorf("InstallerVersion(%q) = %q, want %q", test.version, got, test.macOS)
		}
		run(t, ".", nil, "dpkg", "--compare-versions", debianBefore, "lt", debian)
		debianBefore = debian
	}
}
