package keychain

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"usher.internal/internal/wpj"
)

// answer is the result of one command of `security`.
type answer struct {
	stdout, stderr string
	exitCode       int
	err            error
}

// tool is a `security` that answers by the whole command line, and with "not found" to any other search for a password.
func tool(t *testing.T, answers map[string]answer) toolReader {
	t.Helper()
	unused := slices.Collect(maps.Keys(answers))
	t.Cleanup(func() {
		if len(unused) > 0 {
			t.Errorf("never run: %v", unused)
		}
	})
	return toolReader{func(_ context.Context, arguments ...string) ([]byte, []byte, int, error) {
		line := strings.Join(arguments, " ")
		a, known := answers[line]
		switch {
		case known:
			unused = slices.DeleteFunc(unused, func(one string) bool { return one == line })
		case strings.HasPrefix(line, "find-generic-password -"):
			a = notFound
		default:
			t.Errorf("security %s was run", line)
		}
		return []byte(a.stdout), []byte(a.stderr), a.exitCode, a.err
	}}
}

const (
	certificatesCommand = "find-certificate -a -p -Z"
	identitiesCommand   = "find-identity"
	userCommand         = "find-generic-password -a " + wpj.AccountUserPrincipalName
)

var notFound = answer{stderr: "security: SecKeychainSearchCopyNext: The specified item could not be found in " +
	"the keychain.\n", exitCode: 44}

func file(t *testing.T, name string) answer {
	return answer{stdout: string(read(t, "testdata/security/"+name+".txt"))}
}

func TestToolFindsCertificatesAndTheirKeys(t *testing.T) {
	certificates, err := tool(t, map[string]answer{
		certificatesCommand: file(t, "find-certificate"), identitiesCommand: file(t, "find-identity"),
	}).certificates(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var keys []bool
	for _, certificate := range certificates {
		keys = append(keys, certificate.HasPrivateKey)
	}
	// The device certificate, which is not trusted; the user's own; and a device certificate whose key is gone.
	if want := []bool{true, true, false}; !slices.Equal(keys, want) {
		t.Errorf("private keys: %v, want %v", keys, want)
	}
}

func TestToolFindsNothing(t *testing.T) {
	certificates, err := tool(t,
		map[string]answer{certificatesCommand: {}, identitiesCommand: file(t, "find-identity-none")}).
		certificates(t.Context())
	if err != nil || len(certificates) != 0 {
		t.Errorf("certificates: %v, %v", certificates, err)
	}
	passwords, err := tool(t, nil).genericPasswords(t.Context())
	if err != nil || len(passwords) != 0 {
		t.Errorf("generic passwords: %v, %v", passwords, err)
	}
}

func TestToolFindsGenericPasswords(t *testing.T) {
	cache := answer{stdout: "class: \"genp\"\nattributes:\n    0x00000007 <blob>=\"com.microsoft.adalcache\"\n    " +
		"\"acct\"<blob>=<NULL>\n    \"svce\"<blob>=\"MSOpenTech.ADAL.1\"\n"}
	passwords, err := tool(t, map[string]answer{
		userCommand: file(t, "find-generic-password-hexadecimal"),
		"find-generic-password -l com.microsoft.adalcache": cache,
	}).genericPasswords(t.Context())
	want := []GenericPassword{
		{Account: wpj.AccountUserPrincipalName, Service: "jané@example.com", Label: "jané@example.com"},
		{Service: "MSOpenTech.ADAL.1", Label: "com.microsoft.adalcache"},
	}
	if err != nil || !reflect.DeepEqual(passwords, want) {
		t.Errorf("got %v, %v", passwords, err)
	}
}

func TestToolNeverReadsASecretNorWrites(t *testing.T) {
	allowed := map[string][]string{
		"find-certificate": {"-a", "-p", "-Z"}, "find-identity": nil,
		"find-generic-password": slices.Concat([]string{"-a", "-l"}, Accounts, Labels),
	}
	runs := 0
	reader := toolReader{func(_ context.Context, arguments ...string) ([]byte, []byte, int, error) {
		runs++
		for _, argument := range arguments[1:] {
			if !slices.Contains(allowed[arguments[0]], argument) {
				t.Errorf("security %v was run", arguments)
			}
		}
		switch arguments[0] {
		case "find-certificate":
			return nil, nil, 0, nil
		case "find-identity":
			return []byte("  Matching identities\n     0 identities found\n"), nil, 0, nil
		}
		return nil, nil, notFound.exitCode, nil
	}}
	if _, err := reader.read(t.Context()); err != nil || runs != 2+len(Accounts)+len(Labels) {
		t.Errorf("%d runs, %v", runs, err)
	}
}

// If any of the commands could not look, the results of the others are not passed on.
func TestToolSaysWhyItCouldNotLook(t *testing.T) {
	cannotRun := fmt.Errorf("%w: no such program", ErrUnavailable)
	for name, test := range map[string]struct {
		answer answer
		want   error
	}{
		"locked": {answer{exitCode: 36}, ErrLocked},
		"locked, by its text": {answer{
			stderr: "security: SecKeychainSearchCopyNext: User interaction is not allowed.\n", exitCode: 1}, ErrLocked},
		"locked, ended with 0": {answer{
			stderr: "security: SecIdentitySearchCopyNext: User interaction is not allowed.\n",
			stdout: "  Matching identities\n     0 identities found\n"}, ErrLocked},
		"denied":         {answer{exitCode: 51}, ErrAccessDenied},
		"canceled":       {answer{exitCode: 128}, ErrAccessDenied},
		"no keychain":    {answer{exitCode: 50}, ErrUnavailable},
		"unimplemented":  {answer{exitCode: 252}, ErrUnsupported},
		"cannot be run":  {answer{err: cannotRun}, ErrUnavailable},
		"something else": {answer{stderr: "security: /Users/jane: boom\n", exitCode: 1}, nil},
		"wrong usage":    {answer{exitCode: 2}, nil},
		"unknown output": {answer{stdout: "jane\n"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			good := map[string]answer{certificatesCommand: file(t, "find-certificate"),
				identitiesCommand: file(t, "find-identity"), userCommand: file(t, "find-generic-password")}
			for _, failing := range []string{certificatesCommand, identitiesCommand, userCommand} {
				reader := toolReader{func(_ context.Context, arguments ...string) ([]byte, []byte, int, error) {
					a, known := good[strings.Join(arguments, " ")]
					if !known {
						a = notFound
					}
					if strings.Join(arguments, " ") == failing {
						a = test.answer
					}
					return []byte(a.stdout), []byte(a.stderr), a.exitCode, a.err
				}}
				_, err := reader.read(t.Context())
				if err == nil || test.want != nil && !errors.Is(err, test.want) {
					t.Errorf("%s: got %v, want %v", failing, err, test.want)
				}
				for _, sentinel := range []error{ErrLocked, ErrAccessDenied, ErrUnavailable, ErrUnsupported,
					errNotThere} {
					if sentinel != test.want && errors.Is(err, sentinel) {
						t.Errorf("%s: %v is also %v", failing, err, sentinel)
					}
				}
				if strings.Contains(err.Error(), "jane") {
					t.Errorf("%s: the error says too much: %v", failing, err)
				}
			}
		})
	}
}

func TestToolRefusesAnotherItemThanItAskedFor(t *testing.T) {
	for _, search := range []string{"-a " + wpj.AccountTenantID, "-l com.microsoft.adalcache"} {
		_, err := tool(t, map[string]answer{"find-generic-password " + search: file(t, "find-generic-password")}).
			genericPasswords(t.Context())
		if err == nil || !strings.Contains(err.Error(), "another item") {
			t.Errorf("%s: got %v", search, err)
		}
	}
}

// The exit code has only the lowest byte of a code, so two codes must not share one.
func TestStatusesAreToldApart(t *testing.T) {
	byExitCode := map[uint8]int{}
	for _, known := range statuses {
		exitCode := uint8(known.code)
		if other, taken := byExitCode[exitCode]; taken || exitCode <= 2 {
			t.Errorf("%d and %d both end with %d", known.code, other, exitCode)
		}
		byExitCode[exitCode] = known.code
		if known.text == "" || known.meaning == nil || meaningOfStatus(known.code) != known.meaning {
			t.Errorf("%d: %q, %v", known.code, known.text, meaningOfStatus(known.code))
		}
	}
	if meaning := meaningOfStatus(-1); meaning != nil {
		t.Errorf("an unknown code is %v", meaning)
	}
}
