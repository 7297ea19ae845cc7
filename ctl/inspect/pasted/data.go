package pasted

import (
	"bytes"
)

// The advice for data that inspect does not read.
const (
	AdviceText    = "Have the text itself sent: copied from Terminal, or the output redirected to a file."
	AdviceArchive = "Unpack it and inspect the files; `usherctl timeline FILE` reads archives of logs as they are."
)

// kinds are the kinds of data that is not text, by their first bytes.
var Magics = []struct{ Begin, Format, Name, Advice string }{
	{"\x89PNG\r\n\x1a\n", "picture", "a picture (PNG)", AdviceText},
	{"\xff\xd8\xff", "picture", "a picture (JPEG)", AdviceText},
	{"GIF8", "picture", "a picture (GIF)", AdviceText},
	{"%PDF-", "document", "a PDF document", AdviceText},
	{"{\\rtf", "document", "a document in Rich Text Format",
		"In TextEdit choose Format, Make Plain Text, and save it as .txt; or paste the text itself."},
	{"PK\x03\x04", "archive", "a ZIP archive, or a document of an office program", AdviceArchive},
	{"\x1f\x8b", "archive", "a compressed file (gzip)", AdviceArchive},
	{"BZh", "archive", "a compressed file (bzip2)", AdviceArchive},
	{"\xfd7zXZ\x00", "archive", "a compressed file (xz)", AdviceArchive},
	{"xar!", "package", "an installer package", "It says nothing about a Mac. Send what the Mac printed."},
	{"SQLite format 3\x00", "database", "a database",
		"It may hold secrets: do not send it on. Send the output of the command that reads it."},
	{"kych", "keychain", "a keychain",
		"It holds secrets: delete this copy. Send the output of `security find-certificate -a -p login.keychain-db`."},
	{"\xcf\xfa\xed\xfe", "program", "a program for macOS", "It says nothing about a Mac. Send what it printed."},
	{"\xca\xfe\xba\xbe", "program", "a program for macOS", "It says nothing about a Mac. Send what it printed."},
}

// isData reports whether content is data and not text.
func isData(content []byte) bool {
	if bytes.HasPrefix(content, []byte("bplist")) || IsDER(content) || IsSigned(content) || IsEncrypted(content) ||
		IsKeyStore(content) {
		return true
	}
	for _, one := range Magics {
		if bytes.HasPrefix(content, []byte(one.Begin)) {
			return true
		}
	}
	return false
}
