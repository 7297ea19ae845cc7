// Command dscl stands in for macOS's /usr/bin/dscl. `dscl -plist . -read /Users/NAME
// dsAttrTypeStandard:AltSecurityIdentities` prints the record's values. They come from the folder library/directory
// below the home of its caller, usherd: a file for each account, with a value in each line. Values of Kerberos and of
// certificates come before those of the file, as on a Mac that uses smart cards. It never ships.
package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"howett.net/plist"
)

// The exit codes of the real one: EX_USAGE of sysexits(3), and the code for a missing record.
const (
	exitUsage          = 64
	exitRecordNotFound = 56
	exitMisconfigured  = 2
)

const attribute = "dsAttrTypeStandard:AltSecurityIdentities"

func main() {
	home, err := os.UserHomeDir()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dscl stand-in:", err)
		os.Exit(exitMisconfigured)
	}
	os.Exit(run(os.Args[1:], filepath.Join(home, "library", "directory"), os.Stdout, os.Stderr))
}

func run(arguments []string, records string, stdout, stderr io.Writer) int {
	if len(arguments) != 5 || !slices.Equal(arguments[:3], []string{"-plist", ".", "-read"}) ||
		arguments[4] != attribute {
		fmt.Fprintln(stderr, "dscl (v20.4)\nusage: dscl [options] [<datasource> [<command>]]")
		return exitUsage
	}
	account, found := strings.CutPrefix(arguments[3], "/Users/")
	if !found || account == "" || strings.Contains(account, "/") {
		fmt.Fprintln(stderr, "<dscl_cmd> DS Error: -14136 (eDSRecordNotFound)")
		return exitRecordNotFound
	}
	content, err := os.ReadFile(filepath.Join(records, account))
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(stdout, "No such key: AltSecurityIdentities")
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "dscl stand-in:", err)
		return exitMisconfigured
	}
	values := []string{"Kerberos:" + account + "@CORP.EXAMPLE.COM",
		"X509:<I>DC=com,DC=example,CN=Example CA<S>CN=" + account}
	for line := range strings.Lines(string(content)) {
		values = append(values, strings.TrimSpace(line))
	}
	encoder := plist.NewEncoderForFormat(stdout, plist.XMLFormat)
	encoder.Indent("\t")
	if err := encoder.Encode(map[string]any{attribute: values}); err != nil {
		fmt.Fprintln(stderr, "dscl stand-in:", err)
		return exitMisconfigured
	}
	return 0
}
