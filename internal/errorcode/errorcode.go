// Package errorcode explains the error codes in the logs of a registration, and what to do about them. [Lookup] takes a
// code and [Find] a number or a name. [InText] finds codes in a program's text, for the timeline. [Asked] finds them in
// a person's text, for `usherctl explain`, by the same rules. [Deepest] chooses the code to act on.
//
// Exit codes of Company Portal are in internal/wpj. [Asked] only reports that a number is an exit code ([ExitCode]).
package errorcode

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"usher.internal/internal/phrase"
)

// Code is one error code.
type Code struct {
	Domain Domain
	// Number is 0 for a code that has only a name ([Code.Numbered]).
	Number int64
	// Name is its name in its domain. Phrase is its meaning, for use inside a sentence. Advice is a sentence that says
	// what to do, or "".
	Name   string
	Phrase string
	Advice string
	// Source is a tag of the reference or a URL.
	Source string
	// Words are texts that show the code without its number, separated by "|". They also distinguish codes with the
	// same number.
	Words string
}

// Meaning returns the meaning of the code as one sentence.
func (c Code) Meaning() string { return phrase.Title(c.Phrase) + "." }

// Numbered reports whether the code has a number.
func (c Code) Numbered() bool { return c.Number != 0 || c.Words == "" }

// Written returns the code as people write it, for example "OSStatus -25308", "AADSTS50126" or "0x80180014".
func (c Code) Written() string {
	number := strconv.FormatInt(c.Number, 10)
	switch {
	case !c.Numbered():
		return string(c.Domain) + " " + c.Name
	case c.Domain == Entra:
		return "AADSTS" + number
	case c.Domain == HRESULT, c.Domain == "" && c.Number >= 1<<31 && c.Number < 1<<32:
		return fmt.Sprintf("0x%08x", c.Number)
	case c.Domain == "":
		return number
	}
	return string(c.Domain) + " " + number
}

// String returns the code with its name, for example "errSecInteractionNotAllowed (OSStatus -25308)".
func (c Code) String() string {
	if !c.Numbered() {
		return c.Name + " (" + string(c.Domain) + ")"
	}
	return c.Name + " (" + c.Written() + ")"
}

// All returns every known code.
func All() []Code { return slices.Clone(codes) }

type key struct {
	domain Domain
	number int64
}

// byKey and byName are indexes of codes. A name that several codes have leads to the first of them.
var byKey, byName = func() (map[key][]int, map[string]int) {
	keys, names := map[key][]int{}, map[string]int{}
	for i, c := range codes {
		if c.Numbered() {
			keys[key{c.Domain, c.Number}] = append(keys[key{c.Domain, c.Number}], i)
		}
		if _, taken := names[c.Name]; !taken {
			names[c.Name] = i
		}
	}
	return keys, names
}()

// Lookup returns a known code. If several codes have the number, it returns the first.
func Lookup(domain Domain, number int64) (Code, bool) {
	known := withKey(domain, number)
	if known == nil {
		return Code{}, false
	}
	return known[0], true
}

// withKey returns the codes of a domain and number. Jamf's own keychain has the same numbers as every other keychain.
func withKey(domain Domain, number int64) (known []Code) {
	for _, at := range byKey[key{domain, number}] {
		known = append(known, codes[at])
	}
	if known == nil && domain == JamfSecurity {
		for _, c := range withKey(OSStatus, number) {
			known = append(known, c.inJamfsKeychain())
		}
	}
	return known
}

// inJamfsKeychain returns a keychain code as one of Jamf's own keychain. The advice for the user's keychain is wrong
// there.
func (c Code) inJamfsKeychain() Code {
	if same := byKey[key{JamfSecurity, c.Number}]; same != nil {
		return codes[same[0]]
	}
	return Code{JamfSecurity, c.Number, c.Name + " in Jamf's keychain",
		"Jamf could not use its own keychain, JAMF.keychain: this is not about the registration with " +
			"Entra, nor about " +
			"the user's keychain",
		"If Jamf cannot continue, enrol the Mac in Jamf Pro again: that creates a new JAMF.keychain.", c.Source, ""}
}

// Find returns the codes that a number or a name can mean, the most likely first. A number is decimal or hexadecimal;
// it may lack its sign, and may have AADSTS before it. A name may be a part of four letters or more, if no code has
// exactly that name. Several words must be a whole name.
func Find(query string) []Code {
	query = strings.ToLower(strings.TrimSpace(query))
	if digits, isEntra := strings.CutPrefix(query, "aadsts"); isEntra {
		number, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return nil
		}
		return where(func(c Code) bool { return c.Domain == Entra && c.Number == number })
	}
	if number, err := strconv.ParseInt(query, 0, 64); err == nil {
		found, signless := withNumber(number, number >= 0)
		return append(found, signless...)
	}
	found := where(func(c Code) bool { return strings.ToLower(c.Name) == query })
	if found == nil && len(query) >= 4 && !strings.Contains(query, " ") {
		found = where(func(c Code) bool { return strings.Contains(strings.ToLower(c.Name), query) })
	}
	return found
}

// longestExact is how many digits a number may have to be taken only as written if it is known. A longer number is
// tried with the other sign too.
const longestExact = 3

// withNumber returns the codes of a number, the most likely first. signless are the codes of the negative number, if
// the number may lack its sign. 50005 is Entra's code, and people also write it for MSAL's -50005.
func withNumber(number int64, maySignless bool) (found, signless []Code) {
	for _, same := range sameNumber(number) {
		for _, at := range byNumber()[same] {
			found = append(found, codes[at])
		}
	}
	if maySignless && number > 0 && (found == nil || len(strconv.FormatInt(number, 10)) > longestExact) {
		signless, _ = withNumber(-number, false)
	}
	return found, signless
}

// byNumber is an index of codes by number: the first code of each domain, the most likely domain first.
var byNumber = sync.OnceValue(func() map[int64][]int {
	numbers := map[int64][]int{}
	for number := range numbersOf(codes) {
		for _, domain := range likelihood {
			if at := byKey[key{domain, number}]; len(at) > 0 {
				numbers[number] = append(numbers[number], at[0])
			}
		}
	}
	return numbers
})

// numbersOf returns the numbers of codes, each once.
func numbersOf(codes []Code) map[int64]bool {
	numbers := map[int64]bool{}
	for _, c := range codes {
		if c.Numbered() {
			numbers[c.Number] = true
		}
	}
	return numbers
}

// sameNumber returns a number and its other 32-bit form, signed or unsigned. An OSStatus is also written unsigned, and
// an HRESULT signed.
func sameNumber(number int64) []int64 {
	switch {
	case number > 1<<31 && number < 1<<32:
		return []int64{number, int64(int32(uint32(number)))}
	case number >= -1<<31 && number < -1<<24:
		return []int64{number, int64(uint32(int32(number)))}
	}
	return []int64{number}
}

func where(fits func(Code) bool) (found []Code) {
	for _, c := range codes {
		if fits(c) {
			found = append(found, c)
		}
	}
	return found
}
