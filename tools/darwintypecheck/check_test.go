package main

import (
	"errors"
	"strings"
	"testing"
)

func TestSoundPackagePasses(t *testing.T) {
	for _, arch := range []string{"arm64", "amd64"} {
		checked, problems, err := check("testdata/module", arch, "", []string{"./sound", "./keychain"})
		if err != nil || checked != 2 || len(problems) != 0 {
			t.Errorf("%s: %d packages, problems %v, error %v", arch, checked, problems, err)
		}
	}
}

func TestWrongNameInACgoFileIsFound(t *testing.T) {
	_, problems, err := check("testdata/module", "arm64", "", []string{"./..."})
	if err != nil {
		t.Fatal(err)
	}
	reported := errors.Join(problems...)
	if reported == nil {
		t.Fatal("no problem was found")
	}
	for _, part := range []string{"broken_darwin.go:8", "keychain.Close", "too many arguments"} {
		if !strings.Contains(reported.Error(), part) {
			t.Errorf("%v does not say %q", reported, part)
		}
	}
}

func TestPackageThatDoesNotExistIsAProblem(t *testing.T) {
	_, problems, err := check("testdata/module", "arm64", "", []string{"./nowhere"})
	if err == nil && len(problems) == 0 {
		t.Error("no problem was found")
	}
}

func TestDirectoryThatIsNotThereIsAnError(t *testing.T) {
	if _, _, err := check("testdata/nowhere", "arm64", "", []string{"./..."}); err == nil {
		t.Error("no error")
	}
}
