//go:build linux

package packaging_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMacOSPackage makes the dry run of the macOS package, which checks itself, and tests that the check sees faults.
func TestMacOSPackage(t *testing.T) {
	output := t.TempDir()
	if printed := run(t, "..", nil, "scripts/pkg", output); !strings.Contains(printed, "CANNOT be installed") {
		t.Errorf("it does not say that it is a dry run:\n%s", printed)
	}
	product := filepath.Join(output, "usher_v1.2.3-4-g0123abc_dry-run.pkg")
	distribution := run(t, output, nil, "bsdtar", "-xOf", product, "Distribution")
	if !strings.Contains(distribution, `version="1.2.3.4"`) {
		t.Errorf("the package is of another version:\n%s", distribution)
	}

	for _, test := range []struct{ spoil, complaint string }{
		{`chmod 666 root/Library/LaunchDaemons/org.usher.helper.plist`, "wrong files, modes or owners"},
		{`touch root/usr/local/usher/.DS_Store`, "Finder"},
		{`ln -sf /usr/local/usher/nothing root/usr/local/bin/usherctl`, "not in the package"},
		{`echo '<plist><dict>' > root/Library/LaunchAgents/org.usher.useragent.plist`, "property list"},
		{`cp /bin/true root/usr/local/usher/usherd`, "not a program for macOS"},
		{`chmod -x scripts/postinstall`, "cannot be executed"},
		{`echo 'cd $1' >> scripts/preinstall`, "shellcheck has found a fault"},
		{`echo '<' >> product/Distribution`, "not XML"},
		{`sed -i s/overwrite-permissions=.false./overwrite-permissions='"true"'/ ` +
			`product/usher-component.pkg/PackageInfo`, `overwrite-permissions is "true"`},
		{`mv product/Resources/LICENSE.txt product/Resources/LICENSE`, `the license "LICENSE.txt" is not in Resources`},
		{`sed -i 's/>usher-component/>missing/' product/Distribution`, "missing.pkg is not in the package"},
	} {
		work := t.TempDir()
		printed, err := try(t.Context(), work, nil, "bash", "-c", `set -e
mkdir product root scripts
bsdtar -xf "$0" -C product
bsdtar -xf product/usher-component.pkg/Payload -C root
bsdtar -xf product/usher-component.pkg/Scripts -C scripts
eval "$1"
for part in root:Payload scripts:Scripts; do
  (cd ${part%:*} && find . | LC_ALL=C sort | cpio --quiet -o -H odc --owner 0:0 | gzip -1) \
    > product/usher-component.pkg/${part#*:}
done
(cd product && bsdtar -cf ../spoiled.pkg --format xar -- *)`, product, test.spoil)
		if err != nil {
			t.Fatalf("%s: %v\n%s", test.spoil, err, printed)
		}
		printed, err = try(t.Context(), "..", nil, "scripts/check-pkg", filepath.Join(work, "spoiled.pkg"))
		if err == nil || !strings.Contains(printed, test.complaint) {
			t.Errorf("after %q the check does not report %q: %v\n%s", test.spoil, test.complaint, err, printed)
		}
	}
}

// TestMacOSPackageNeedsIdentities runs scripts/pkg as on a Mac without one of the identities.
func TestMacOSPackageNeedsIdentities(t *testing.T) {
	tools := t.TempDir()
	for _, name := range []string{"lipo", "codesign", "pkgbuild", "productbuild", "productsign", "xcrun"} {
		writeScript(t, filepath.Join(tools, name), "exit 1")
	}
	writeScript(t, filepath.Join(tools, "uname"), "echo Darwin")
	path := "PATH=" + tools + ":" + os.Getenv("PATH")
	given := []string{path}
	for _, variable := range []string{"USHER_SIGN_APPLICATION", "USHER_SIGN_INSTALLER", "USHER_NOTARY_PROFILE"} {
		printed, err := try(t.Context(), "..", given, "scripts/pkg", t.TempDir())
		if err == nil || !strings.Contains(printed, variable+" is not set") {
			t.Errorf("without %s: %v\n%s", variable, err, printed)
		}
		given = append(given, variable+"=somebody")
	}
	if err := os.Remove(filepath.Join(tools, "pkgbuild")); err != nil {
		t.Fatal(err)
	}
	if printed, err := try(t.Context(), "..", given, "scripts/pkg", t.TempDir()); err == nil ||
		!strings.Contains(printed, "pkgbuild is missing") {
		t.Errorf("without pkgbuild: %v\n%s", err, printed)
	}
}

func writeScript(t *testing.T, file, body string) {
	t.Helper()
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// stagedScript returns one of the package's scripts with this test's paths instead of a Mac's.
func stagedScript(t *testing.T, name string, paths ...string) string {
	t.Helper()
	script, err := os.ReadFile(filepath.Join("macos", "scripts", name))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(paths); i += 2 {
		if !strings.Contains(string(script), paths[i]) {
			t.Fatalf("%s does not name %s", name, paths[i])
		}
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(strings.NewReplacer(paths...).Replace(string(script))), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestPreinstall(t *testing.T) {
	for version, refused := range map[string]bool{"12.7.6": true, "10.15": true, "13.7.8": true, "14.0": false,
		"26.1": false, "27.0": false, "": true, "soon": true} {
		folder := t.TempDir()
		writeScript(t, filepath.Join(folder, "sw_vers"), "echo "+version)
		printed, err := try(t.Context(), folder, nil,
			stagedScript(t, "preinstall", "/usr/bin/sw_vers", filepath.Join(folder, "sw_vers")))
		if (err != nil) != refused {
			t.Errorf("on macOS %q: %v\n%s", version, err, printed)
		}
		if refused && !strings.Contains(printed, "macOS 14 or later") {
			t.Errorf("on macOS %q it does not say what usher needs:\n%s", version, printed)
		}
	}
}

func TestPostinstall(t *testing.T) {
	for _, test := range []struct {
		volume, exit string
		fails        bool
		log          string
	}{
		{"/", "0", false, "called with install --restart"},
		{"/", "3", true, "ended with exit code 3"},
		{"/Volumes/Other", "3", false, ""}, // a Mac that is set up from another is not this Mac
	} {
		folder := t.TempDir()
		logs := filepath.Join(folder, "logs", "usher")
		writeScript(t, filepath.Join(folder, "usherctl"), `echo "called with $*" >&2; exit `+test.exit)
		script := stagedScript(t, "postinstall", "log=/Library/Logs/usher", "log="+logs, "  /usr/local/usher/usherctl",
			"  "+filepath.Join(folder, "usherctl"))
		printed, err := try(t.Context(), folder, nil, script, "usher.pkg", "/", test.volume, "/")
		if (err != nil) != test.fails {
			t.Errorf("%+v: %v\n%s", test, err, printed)
		}
		log, err := os.ReadFile(filepath.Join(logs, "install.log"))
		if (err == nil) != (test.log != "") || !strings.Contains(string(log), test.log) {
			t.Errorf("%+v: the log is %q (%v)", test, log, err)
		}
	}
}
