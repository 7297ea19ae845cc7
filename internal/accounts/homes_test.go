package accounts

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Names and homes describe the same people, in either form of the list.
func TestNamesAndHomes(t *testing.T) {
	parent := t.TempDir()
	for _, name := range []string{"jane", "john", "Shared", ".localized"} {
		if err := os.Mkdir(filepath.Join(parent, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	list := filepath.Join(t.TempDir(), "passwd")
	text := fmt.Sprintf("root:x:0:0:root:%[1]s:/bin/sh\njohn:x:%[2]d:1:John:%[1]s/john:/bin/sh\n"+
		"jane:x:%[3]d:1::%[1]s/jane:/bin/sh\n"+
		"gone:x:%[4]d:1::%[1]s/gone:/bin/sh\nshort:x\n", parent, FirstUID, FirstUID+1, FirstUID+2)
	if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	name := func(name, _ string) string { return name }
	home := func(_, home string) string { return home }
	homes := []string{filepath.Join(parent, "jane"), filepath.Join(parent, "john")}
	for what, test := range map[string]struct{ got, want []string }{
		"names of a folder": {inFolder(parent, name), []string{"jane", "john"}},
		"homes of a folder": {inFolder(parent, home), homes},
		"names of a file":   {inFile(list, name), []string{"jane", "john"}},
		"homes of a file":   {inFile(list, home), homes},
		"no folder":         {inFolder(filepath.Join(parent, "none"), name), nil},
		"no file":           {inFile(filepath.Join(parent, "none"), name), nil},
	} {
		if !slices.Equal(test.got, test.want) {
			t.Errorf("%s: %q, want %q", what, test.got, test.want)
		}
	}
}
