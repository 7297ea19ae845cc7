package redact

import (
	"strings"
	"unicode"
)

// fileEndings are the ends of names with a dot that are not accounts.
var fileEndings = setOf(`plist app log txt json xml swift go py sh pkg dmg conf cfg ini exe dll db sqlite bundle framework dylib keychain lock html htm js css zip gz
	com net org io local ps1 bat cmd msi mobileconfig yaml yml md csv pdf png jpg socket sock error failed success service agent status state name id type`)

// isDotted reports whether a word is a first name and a last name with a dot between them.
func isDotted(word string) bool {
	first, last, is := strings.Cut(word, ".")
	if !is || len(first) < 1 || len(last) < 2 || fileEndings[lower(last)] || topLevelDomains()[lower(last)] {
		return false
	}
	for _, letter := range word {
		if !unicode.IsLetter(letter) && letter != '.' && letter != '-' {
			return false
		}
	}
	return !strings.Contains(last, ".") && unicode.IsLower(firstRune(first)) == unicode.IsLower(firstRune(last))
}
