package inspect

import (
	"bytes"
)

// What is done with something that inspect does not read.
const (
	adviceText    = "Have the text itself sent: copied from Terminal, or the output redirected to a file."
	adviceArchive = "Unpack it and inspect the files; `usherctl timeline FILE` reads archives of logs as they are."
)

// kinds of data that is no text, by how they begin.
var magics = []struct{ begin, format, name, advice string }{
	{"\x89PNG\r\n\x1a\n", "picture", "a picture (PNG)", adviceText},
	{"\xff\xd8\xff", "picture", "a picture (JPEG)", adviceText},
	{"GIF8", "picture", "a picture (GIF)", adviceText},
	{"%PDF-", "document", "a PDF document", adviceText},
	{"{\\rtf", "document", "a document in Rich Text Format",
		"In TextEdit choose Format, Make Plain Text, and save it as .txt; or paste the text itself."},
	{"PK\x03\x04", "archive", "a ZIP archive, or a document of an office program", adviceArchive},
	{"\x1f\x8b", "archive", "a compressed file (gzip)", adviceArchive},
	{"BZh", "archive", "a compressed file (bzip2)", adviceArchive},
	{"\xfd7zXZ\x00", "archive", "a compressed file (xz)", adviceArchive},
	{"xar!", "package", "an installer package", "It says nothing about a Mac. Send what the Mac printed."},
	{"SQLite format 3\x00", "database", "a database",
		"It may hold secrets: do not send it on. Send the output of the command that reads it."},
	{"kych", "keychain", "a keychain",
		"It holds secrets: delete this copy. Send the output of `security find-certificate -a -p login.keychain-db`."},
	{"\xcf\xfa\xed\xfe", "program", "a program for macOS", "It says nothing about a Mac. Send what it printed."},
	{"\xca\xfe\xba\xbe", "program", "a program for macOS", "It says nothing about a Mac. Send what it printed."},
}

// isData reports whether content is something else than text.
func isData(content []byte) bool {
	if bytes.HasPrefix(content, []byte("bplist")) || isDER(content) || isSigned(content) || isEncrypted(content) ||
		isKeyStore(content) {
		return true
	}
	for _, one := range magics {
		if bytes.HasPrefix(content, []byte(one.begin)) {
			return true
		}
	}
	return false
}
