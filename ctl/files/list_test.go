package files

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestReadList(t *testing.T) {
	noSpace := func(name string) error {
		if strings.Contains(name, " ") {
			return errors.New("it has a space")
		}
		return nil
	}
	file := filepath.Join(t.TempDir(), "list")
	for _, test := range []struct {
		content string
		names   []string
		line    int // the line with the error, 0 for none
	}{
		{"", nil, 0},
		{"a\nb", []string{"a", "b"}, 0},
		{"  a  \n\n\tb\n", []string{"a", "b"}, 0},
		{"\ufeffa\r\nb\r\n\r\n", []string{"a", "b"}, 0},
		{"\ufeff# names\na", []string{"a"}, 0},
		{"a # the lab\nb\t#the office # again\n  # none\n#none", []string{"a", "b"}, 0},
		{"a#1\n", []string{"a#1"}, 0}, // no remark
		{"# names\n\na b # two\n", nil, 3},
		{"a\r\nb c\r\n", nil, 2},
		{"a\n" + strings.Repeat("x", 1<<20), nil, 2},
	} {
		if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		names, err := ReadList(file, noSpace)
		line := 0
		if wrong, ok := errors.AsType[*LineError](err); ok {
			line = wrong.line
		}
		if !slices.Equal(names, test.names) || line != test.line || (err != nil) != (test.line > 0) {
			t.Errorf("%.40q is %q, %v", test.content, names, err)
		}
	}
	if _, err := ReadList(filepath.Dir(file), noSpace); err == nil {
		t.Error("a folder is read")
	}
}
