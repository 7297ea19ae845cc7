package errorcode_test

import (
	"slices"
	"strings"
	"testing"

	"usher.internal/internal/errorcode"
)

func TestEveryCodeExplainsItself(t *testing.T) {
	type key struct {
		domain errorcode.Domain
		number int64
	}
	seen := map[key]bool{}
	for _, c := range errorcode.All() {
		if c.Words == "" && seen[key{c.Domain, c.Number}] {
			t.Errorf("the table has %s twice", c)
		}
		seen[key{c.Domain, c.Number}] = c.Words == "" || seen[key{c.Domain, c.Number}]
		if c.Name == "" || c.Source == "" || strings.HasSuffix(c.Name, ".") {
			t.Errorf("%+v lacks something", c)
		}
		for _, sentence := range []string{c.Meaning(), c.Advice} {
			if sentence == "" && sentence == c.Advice {
				continue
			}
			if !strings.HasSuffix(sentence, ".") || strings.Contains(sentence, ". ") ||
				!strings.HasPrefix(sentence, "macOS") && sentence[:1] != strings.ToUpper(sentence[:1]) {
				t.Errorf("%s: %q is not one sentence", c, sentence)
			}
		}
		if found, ok := errorcode.Lookup(c.Domain, c.Number); c.Numbered() &&
			(!ok || found != c && (c.Words == "" || found.Words != "")) {
			t.Errorf("%s is not looked up", c)
		}
		if !slices.Contains(errorcode.Find(c.Name), c) {
			t.Errorf("%s is not found by its name", c)
		}
	}
	if _, ok := errorcode.Lookup(errorcode.Entra, 1); ok {
		t.Error("AADSTS1 is known")
	}
}

func TestCodesAreInOrder(t *testing.T) {
	var last int64
	for _, c := range errorcode.All() {
		if c.Domain == errorcode.Entra {
			if c.Number <= last {
				t.Errorf("%s comes after AADSTS%d", c, last)
			}
			last = c.Number
		}
	}
}

func TestFind(t *testing.T) {
	for query, want := range map[string]string{
		"-25308":                "errSecInteractionNotAllowed (OSStatus -25308)",
		" 25308 ":               "errSecInteractionNotAllowed (OSStatus -25308)", // without its sign
		"4294941988":            "errSecInteractionNotAllowed (OSStatus -25308)", // as an unsigned 32-bit number
		"0xFFFF9D24":            "errSecInteractionNotAllowed (OSStatus -25308)",
		"AADSTS50126":           "InvalidUserNameOrPassword (AADSTS50126)",
		"aadsts53003":           "BlockedByConditionalAccess (AADSTS53003)",
		"530003":                "device required to be managed (AADSTS530003)",
		"errsecinvalidowner":    "errSecInvalidOwnerEdit (OSStatus -25244)",
		"MSALErrorUserCanceled": "MSALErrorUserCanceled (MSALErrorDomain -50005)",
		"notHandled":            "notHandled (com.apple.AuthenticationServices.AuthorizationError 1003)",
	} {
		found := errorcode.Find(query)
		if len(found) != 1 || found[0].String() != want {
			t.Errorf("%s: %v, want %s", query, found, want)
		}
	}
	for _, several := range []string{"-1001", "-42000", "brokerkey", "canceled"} {
		if found := errorcode.Find(several); len(found) < 1 || several != "canceled" && len(found) < 2 {
			t.Errorf("%s: %v", several, found)
		}
	}
	for _, nothing := range []string{"", "  ", "not", "12345678901234567890", "zzzzzz", "AADSTS", "AADSTS-25308",
		"AADSTS25308"} {
		if found := errorcode.Find(nothing); found != nil {
			t.Errorf("%q: %v", nothing, found)
		}
	}
}

func TestInText(t *testing.T) {
	for text, want := range map[string]string{
		`Failed to save tokens in cache. Error Error Domain=MSIDKeychainErrorDomain ` +
			`Code=-25308 "(null)"`: "OSStatus -25308",
		"Authentication finished with error: Error domain: com.microsoft.commonlib.authentication\nCode: " +
			"306\nDescription: x": "com.microsoft.commonlib.authentication 306",
		"ERROR: [errorCode:-400]-[WorkPlaceJoin clear] failed to delete workplace join item, " +
			"error code:-25244": "WPJ SDK -400, OSStatus -25244",
		"AADSTS50126: Error validating credentials": "AADSTS 50126",
		`{"error":"invalid_grant","error_description":"AADSTS50076: Due ` +
			`to","error_codes":[50076]}`: "AADSTS 50076",
		`"error_codes": [ 53003 ]`: "AADSTS 53003",
		`Error Domain=MSALErrorDomain Code=-50000 "(null)" UserInfo={MSALInternalErrorCodeKey=-42708, ` +
			`NSUnderlyingError=0x6 {Error Domain=NSOSStatusErrorDomain Code=-34018 "x"}}`: "MSALErrorDomain -50000, " +
			"MSALInternalErrorCode -42708, OSStatus -34018",
		`Error Domain=MSALErrorDomain Code=-50000 UserInfo={NSUnderlyingError=0x6 {Error Domain=NSURLErrorDomain ` +
			`Code=-1009 "offline"}}`: "MSALErrorDomain -50000, NSURLErrorDomain -1009",
		"Interactive flow finished. Result (null), error: -50005 error domain: " +
			"MSALErrorDomain": "MSALErrorDomain -50005",
		"Interactive flow finished. Result (not-null), error: 0 error " +
			"domain: (null)": "",
		"Failed to set item into keychain " +
			"(status: -25308)": "OSStatus -25308",
		"Keychain find status: -25300": "OSStatus -25300",
		"Unable to read from shared access group with " +
			"error code: -25300": "OSStatus -25300",
		`Error Domain=com.microsoft.workplacejoin.errordomain Code=-400 "with error ` +
			`code: -25300"`: "WPJ SDK -400, OSStatus -25300",
		"The operation couldn’t be completed. (MSALErrorDomain " +
			"error -50000.)": "MSALErrorDomain -50000",
		"The operation couldn’t be completed. " +
			"(com.apple.AuthenticationServices.AuthorizationError error " +
			"1001.)": "com.apple.AuthenticationServices.AuthorizationError 1001",
		"OSStatus error -34018":                                                        "OSStatus -34018",
		"(OSStatus error -25293.)":                                                     "OSStatus -25293",
		"Error Domain=MSALErrorDomain Code=-42401":                                     "MSALInternalErrorCode -42401",
		"it failed with errSecDuplicateItem (-25299)":                                  "OSStatus -25299",
		`"state" : "POUserStateNeedsRegistration (2)"`:                                 "POUserState 2",
		"Error Domain=PlugInKit Code=16 \"other version in use\"":                      "PlugInKit 16",
		"Error Domain=MSIDErrorDomain Code=-51810; Domain=MSIDErrorDomain Code=-51810": "MSIDErrorDomain -51810",
		"Could not write broker key -34018":                                            "OSStatus -34018",
		"Encountered error with code -51808, description Masked(not-null)":             "MSIDErrorDomain -51808",
		// These only look like codes.
		"status: 200, 4711 bytes, code 12":                             "",
		"status: -17 of 40":                                            "",
		"error code: -3":                                               "",
		"xAADSTS50126 AADSTS5012 AADSTS50126789 AADSTS":                "",
		"MSALErrorDescriptionKey=x, NSURLErrorFailingURLKey=":          "",
		"(retry error 12.)":                                            "",
		"Domain=example.com Code=":                                     "",
		"Code=99999999999999999999 Domain=x Code=99999999999999999999": "",
	} {
		if got := strings.Join(inText(t, text), ", "); got != want {
			t.Errorf("%q:\n got %q\nwant %q", text, got, want)
		}
	}
}

// inText returns the codes of a text. Each must be known.
func inText(t *testing.T, text string) (found []string) {
	for _, one := range errorcode.InText(text) {
		if !one.Known {
			t.Errorf("%q: %s %d is not known", text, one.Domain, one.Number)
		}
		_, code, _ := strings.Cut(one.String(), one.Name+" (")
		found = append(found, strings.Replace(strings.TrimSuffix(code, ")"), "AADSTS", "AADSTS ", 1))
	}
	return found
}

func TestACodeThatIsNotKnownIsFoundByItsDomain(t *testing.T) {
	found := errorcode.InText("Error Domain=NSExampleErrorDomain Code=3840, [errorCode:-999], AADSTS9999999")
	if len(found) != 3 {
		t.Fatalf("found %v", found)
	}
	for i, want := range []errorcode.Code{{Domain: "NSExampleErrorDomain", Number: 3840},
		{Domain: errorcode.WorkplaceJoin, Number: -999}, {Domain: errorcode.Entra, Number: 9999999}} {
		if found[i].Known || found[i].Code != want {
			t.Errorf("found %+v, want %+v", found[i], want)
		}
	}
}

func FuzzInText(f *testing.F) {
	f.Add(`Error Domain=MSALErrorDomain Code=-50000`)
	f.Add("Error domain: a\nCode: 999999999999999999999999")
	f.Add("[errorCode:-400] AADSTS50126 status: -25308 errSecIO (OSStatus error -1.)")
	f.Add("Error Domain=A Code=1 UserInfo={NSUnderlyingError=0x6 {Error Domain=B Code=2 \"}{\"}}}}")
	f.Add("-50001 MSALErrorDomain, exit code 66 −25308 0x801c0003 80180014 state 5 #2069 1/2/2026 09:14:07 -1000")
	f.Fuzz(func(t *testing.T, text string) {
		for _, found := range [][]errorcode.Found{errorcode.InText(text), errorcode.Asked(text)} {
			for _, one := range found {
				if one.Known != (one.Name != "") || one.Domain == "" && !one.Bare || one.Depth < 0 || one.Chain < 1 {
					t.Errorf("%+v in %q", one, text)
				}
			}
		}
	})
}

// BenchmarkInTextWithoutCode measures the cost of most entries of a log.
func BenchmarkInTextWithoutCode(b *testing.B) {
	text := "2026-03-02 09:14:07.113 | workplaceJoinSdk | 22168 | v3.8.1 | INFO: [2026-03-02 " +
		"09:14:07][-WorkPlaceJoin getDeviceIdWithRequestParameters:5245] Entering"
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if found := errorcode.InText(text); len(found) > 0 {
			b.Fatal(found)
		}
	}
}
