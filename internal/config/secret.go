package config

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"usher.internal/internal/propertylist"
)

// notShown replaces a value that an error does not show.
const notShown = "(not shown)"

// secretWords are in the names of keys whose value may be a secret. These are usher's keys for files with secrets,
// because people paste the secret itself by mistake, and keys that people may expect to exist.
var secretWords = []string{"secret", "password", "passwd", "passphrase", "token", "credential", "nkey", "seed",
	"private", "bearer", "apikey", "keyfile", "authorization"}

// isSecretLike reports whether the value of a key may be a secret, by its name. A row of the table also says it by its
// marker.
func isSecretLike(name string) bool {
	plain := plainKey(name)
	return slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(plain, word) })
}

// secret marks a row whose value no error shows.
func secret(r row) row {
	r.secret = true
	return r
}

// longestName is more than the longest part of a key. A longer one may be pasted text.
const longestName = 32

// shownKey returns the name of an unknown key for an error. Below a key with a secret the name is pasted text:
// {hunter2} in YAML is a section with that key. The same is true for a name that does not look like one.
func shownKey(name string) string {
	parts := strings.Split(name, ".")
	for i, part := range parts {
		if i > 0 && isSecretLike(parts[i-1]) {
			return strings.Join(parts[:i], ".") + "." + notShown
		}
		if !isName(part) {
			parts[i] = notShown
		}
	}
	return strings.Join(parts, ".")
}

// isName reports whether a part of a key looks like a name. "?" replaces a part that is not text.
func isName(part string) bool {
	if part == "?" {
		return true
	}
	return part != "" && part[0] != '-' && len(part) <= longestName && !strings.ContainsFunc(part, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' && r != ' '
	})
}

// quoted is what the YAML library quotes of a file: an alias, because a secret that begins with * looks like one. A
// single character is punctuation that it expected.
var quoted = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`'[^']{2,}'|"[^"]{2,}"`) })

// yamlProblem is an error of the YAML library without anything of the file.
func yamlProblem(err error) string { return quoted().ReplaceAllLiteralString(err.Error(), notShown) }

var xmlLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`XML syntax error on line ([0-9]+)`) })

// propertyListProblem says why a file is not a property list. The library's own error may quote any part of the file.
func propertyListProblem(err error) string {
	if errors.Is(err, propertylist.ErrNotADictionary) {
		return err.Error()
	}
	if found := xmlLine().FindStringSubmatch(err.Error()); found != nil {
		if line, err := strconv.Atoi(found[1]); err == nil {
			return "it is not a property list: line " + strconv.Itoa(line) + " is not XML; `plutil -lint` says more"
		}
	}
	return "it is not a property list; `plutil -lint` says more"
}
