package errorcode_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher.internal/internal/errorcode"
)

var update = flag.Bool("update", false, "write the golden files")

// TestTexts compares the codes in each text of testdata with its golden file.
func TestTexts(t *testing.T) {
	texts, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(texts) < 2 {
		t.Fatalf("texts: %v, %v", texts, err)
	}
	for _, path := range texts {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got := "# in a log\n" + chains(errorcode.InText(string(text))) + "# asked\n" +
			chains(errorcode.Asked(string(text)))
		golden := strings.TrimSuffix(path, ".txt") + ".golden"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, _ := os.ReadFile(golden); string(want) != got {
			t.Errorf("%s (go test -update writes %s):\n%s", path, golden, got)
		}
		// Line ends of other systems, and a cut text, do not change the codes that are still there.
		if got := chains(errorcode.Asked(strings.ReplaceAll(string(text), "\n", "\r\n"))); got !=
			chains(errorcode.Asked(string(text))) {
			t.Errorf("%s with CRLF:\n%s", path, got)
		}
	}
}

func chains(found []errorcode.Found) string {
	var b strings.Builder
	for i, one := range found {
		mark := ""
		if !one.Known {
			mark = " (not known)"
		}
		fmt.Fprintf(&b, "%d %s%s%s\n", one.Chain, strings.Repeat("  ", one.Depth), one.Code, mark)
		if i+1 == len(found) || found[i+1].Chain != one.Chain {
			known, unknown := errorcode.Deepest(of(found, one.Chain))
			fmt.Fprintf(&b, "  deepest: %s; not known: %s\n", written(known), written(unknown))
		}
	}
	return b.String()
}

func of(found []errorcode.Found, chain int) (all []errorcode.Found) {
	for _, one := range found {
		if one.Chain == chain {
			all = append(all, one)
		}
	}
	return all
}

func written(one *errorcode.Found) string {
	if one == nil {
		return "-"
	}
	return one.Written()
}

func TestDeepest(t *testing.T) {
	const offline = `{Error Domain=NSURLErrorDomain Code=-1009 "offline"}`
	for _, one := range []struct{ text, known, unknown string }{
		{`Error Domain=MSALErrorDomain Code=-50000 "(null)" UserInfo={NSUnderlyingError=0x6 ` + offline + `}`,
			"NSURLErrorDomain -1009", "-"},
		// Text after the inner error belongs to the outer one.
		{`Error Domain=MSALErrorDomain Code=-50000 UserInfo={NSUnderlyingError=0x6 ` + offline +
			`, MSALInternalErrorCodeKey=-42008}`, "NSURLErrorDomain -1009", "-"},
		{`Error Domain=MSALErrorDomain Code=-50000 UserInfo={MSALInternalErrorCodeKey=-42708, NSUnderlyingError=0x6 ` +
			`{Error Domain=NSOSStatusErrorDomain Code=-34018 "x"}}`, "OSStatus -34018", "-"},
		// The deepest code, or one in between, is not known.
		{`Error Domain=NSURLErrorDomain Code=-1200 UserInfo={NSUnderlyingError=0x6 {Error Domain=com.example.tls ` +
			`Code=-7 "x"}}`, "NSURLErrorDomain -1200", "com.example.tls -7"},
		{`Error Domain=A.a Code=1 UserInfo={NSUnderlyingError=0x6 {Error Domain=B.b Code=2 ` +
			`UserInfo={NSUnderlyingError=0x7 ` + offline + `}}}`, "NSURLErrorDomain -1009", "B.b 2"},
		{`Error Domain=A.a Code=1 UserInfo={NSUnderlyingError=0x6 {Error Domain=B.b Code=2}}`, "-", "B.b 2"},
		// A known number in an unknown domain is not known.
		{`Error Domain=com.example Code=-25308 "x"`, "-", "com.example -25308"},
		// Several lines, blanks, a list of errors, and a text that is cut.
		{"Error Domain=MSALErrorDomain Code=-50000 \"(null)\" UserInfo={\n    NSUnderlyingError = 0x6 {\n    Error " +
			"Domain=NSURLErrorDomain Code=-1009 \"offline\"\n}}", "NSURLErrorDomain -1009", "-"},
		{"Error Domain=MSALErrorDomain Code=-50000 UserInfo={NSMultipleUnderlyingErrorsKey=(\n    \"Error " +
			"Domain=NSURLErrorDomain Code=-1009 \\\"offline\\\"\",\n    \"Error Domain=X.y Code=3\"\n)}",
			"NSURLErrorDomain -1009", "X.y 3"},
		{`Error Domain=MSALErrorDomain Code=-50000 UserInfo={NSUnderlyingError=0x6 {Error Domain=NSURLErrorDomain ` +
			`Code=-1009 "off`, "NSURLErrorDomain -1009", "-"},
		{`Error Domain=MSALErrorDomain Code=-50000 UserInfo={NSUnderlyingError=0x6 {Error ` +
			`Domain=NSURLErrorDomain Code=`, "MSALErrorDomain -50000", "-"},
		// Entra's own answer is the cause, anywhere in the UserInfo.
		{`Error Domain=MSALErrorDomain Code=-50002 UserInfo={MSALInternalErrorCodeKey=-42004, ` +
			`MSALErrorDescriptionKey=AADSTS53003: no}`, "AADSTS53003", "-"},
		{`Error Domain=MSALErrorDomain Code=-50002 UserInfo={MSALErrorDescriptionKey=AADSTS53003: no, ` +
			`MSALInternalErrorCodeKey=-42004}`, "AADSTS53003", "-"},
		{"AADSTS50126: wrong password (com.microsoft.commonlib.authentication error 306.)", "AADSTS50126", "-"},
	} {
		for _, text := range []string{one.text, "2026-03-02 09:14:07.113 | login | 22168 | " + one.text} {
			known, unknown := errorcode.Deepest(errorcode.InText(text))
			if written(known) != one.known || written(unknown) != one.unknown {
				t.Errorf("%s\n the deepest is %s, not known %s; want %s, %s", text, written(known), written(unknown),
					one.known, one.unknown)
			}
			if askedKnown, askedUnknown := errorcode.Deepest(errorcode.Asked(text)); written(askedKnown) != one.known ||
				written(askedUnknown) != one.unknown {
				t.Errorf("asked: %s\n the deepest is %s, not known %s", text, written(askedKnown),
					written(askedUnknown))
			}
		}
	}
}

// Two errors of a text are not inside each other.
func TestErrorsAfterEachOther(t *testing.T) {
	const text = "Error Domain=NSURLErrorDomain Code=-1009 \"offline\" UserInfo={x=1}\nerror code: -25308\nError " +
		"Domain=MSIDErrorDomain Code=-51810 \"x\""
	got := chains(errorcode.Asked(text))
	if strings.Count(got, "deepest") != 3 || strings.Contains(got, "  NSURL") {
		t.Error(got)
	}
}
