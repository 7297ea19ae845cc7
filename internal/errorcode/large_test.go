package errorcode_test

import (
	"strings"
	"testing"
	"time"

	"usher.internal/internal/errorcode"
)

// TestLargeTexts looks for codes in the worst texts of 1 MiB. Each takes well under a second. The limit allows for the
// race detector on a busy machine, and is far below the time for examining each pair.
func TestLargeTexts(t *testing.T) {
	const size = 1 << 20
	for name, part := range map[string]string{
		"nothing":  "nothing to see here\n",
		"braces":   "{Error Domain=",
		"nested":   `Error Domain=MSALErrorDomain Code=-50000 UserInfo={NSUnderlyingError=0x6 {`,
		"closing":  `Error Domain=a.b Code=1 "x" }}}`,
		"numbers":  "-25308 ",
		"unknown":  "error -99999, ",
		"domains":  "NSURLErrorDomain ",
		"pairs":    "NSURLErrorDomain -1009 MSALErrorDomain -50000\n",
		"blanks":   " \t\r\n",
		"dashes":   "−–-",
		"quotes":   "\"",
		"words":    "Registration failed and will automatically retr",
		"zero":     "0",
		"letters":  "errSecMSALErrorNSURLErrorAADSTS",
		"garbage":  "\xff\x00\xfe",
		"keywords": "error code: ",
		"bare":     "NSURLErrorDomain. And then, much later and elsewhere, error -1009\n",
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Repeat(part, size/len(part)+1)[:size]
			began := time.Now()
			errorcode.Deepest(errorcode.InText(text))
			errorcode.Deepest(errorcode.Asked(text))
			if took := time.Since(began); took > time.Minute {
				t.Errorf("it took %s", took)
			} else {
				t.Logf("it took %s", took)
			}
		})
	}
}

// A code at the end of a long log is found after any text.
func TestCodeAtTheEndOfALongLog(t *testing.T) {
	text := strings.Repeat("2026-03-02 09:14:07.113 | login | 22168 | File.swift: 157 (f()) | status: "+
		"200, 4711 bytes\n", 5000) + "error code: -25308"
	for _, found := range [][]errorcode.Found{errorcode.InText(text), errorcode.Asked(text)} {
		if len(found) == 0 || found[len(found)-1].Written() != "OSStatus -25308" {
			t.Errorf("found %v", listed(found))
		}
	}
}
