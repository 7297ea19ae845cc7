package loginkeychain_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher.internal/sim/filekeychain"
	"usher.internal/sim/loginkeychain"
)

func TestItemsGoThroughSecurity(t *testing.T) {
	directory := t.TempDir()
	security := filepath.Join(directory, "security")
	script := "#!/bin/sh\necho \"$*\" | sed 's#/[^ ]*/item.pem#FILE#' >> " + directory +
		"/calls\n[ \"$1\" != import ] || head -1 \"$2\" >> " + directory +
		"/calls\n[ \"$1\" != lock-keychain ] || { echo 'not allowed' >&2; exit 36; }\n"
	if err := os.WriteFile(security, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	keychain := loginkeychain.Open(security)
	for _, item := range []filekeychain.Item{
		{Class: filekeychain.GenericPassword, Account: "com.microsoft.workplacejoin.thumbprint", Service: "abc",
			Label: "abc"},
		{Class: filekeychain.Certificate, Data: []byte{1}},
		{Class: filekeychain.Key, Data: []byte{2}},
	} {
		if err := keychain.Add(item); err != nil {
			t.Fatal(err)
		}
	}
	calls, err := os.ReadFile(filepath.Join(directory, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	want := "add-generic-password -U -A -a com.microsoft.workplacejoin.thumbprint -s abc -l abc -w \n" +
		"import FILE -t cert\n-----BEGIN CERTIFICATE-----\nimport FILE -t priv -f openssl -A\n-----BEGIN " +
		"PRIVATE KEY-----\n"
	if string(calls) != want {
		t.Errorf("security was called\n%s\nwant\n%s", calls, want)
	}
	if err := keychain.Lock(); err == nil || !strings.Contains(err.Error(), "not allowed") {
		t.Errorf("got %v", err)
	}
	if err := keychain.Add(filekeychain.Item{Class: "inet"}); err == nil {
		t.Error("an item of another class was added")
	}
}
