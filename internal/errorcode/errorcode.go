// Package errorcode names the error codes that the logs of a registration show, and says what to do about them.
// [Lookup] takes a code and [Find] a number or a name. [InText] finds codes in what a program wrote, and [Asked] in
// what a person wrote, by the same rules: the timeline uses the one, `usherctl explain` the other. [Deepest] picks the
// code to act on.
//
// Exit codes of Company Portal are not here, but in internal/wpj: [Asked] only says that a number is one ([ExitCode]).
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
	// Number is 0 for a code that has none, only a name ([Code.Numbered]).
	Number int64
	// Name is what its domain calls it, Phrase what it means, for use inside a sentence, and Advice a sentence that
	// says what to do, "" for nothing.
	Name   string
	Phrase string
	Advice string
	// Source is a tag of the reference or a URL.
	Source string
	// Words are what a text says that shows the code without its number, separated by "|". They also tell codes apart
	// that have one number.
	Words string
}

// Meaning returns one sentence.
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

// All returns every code that is known.
func All() []Code { return slices.Clone(codes) }

type key struct {
	domain Domain
	number int64
}

// byKey and byName are where in codes a code is. A name that several codes have is that of the first.
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

// Lookup returns what is known of a code, the first where several have the number.
func Lookup(domain Domain, number int64) (Code, bool) {
	known := withKey(domain, number)
	if known == nil {
		return Code{}, false
	}
	return known[0], true
}

// withKey returns the codes of a domain and number. Jamf's own keychain has the numbers of every other one.
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

// inJamfsKeychain returns a code of the keychain as that of Jamf's own one: what is to be done about the user's is
// wrong there.
func (c Code) inJamfsKeychain() Code {
	if same := byKey[key{JamfSecurity, c.Number}]; same != nil {
		return codes[same[0]]
	}
	return Code{JamfSecurity, c.Number, c.Name + " in Jamf's keychain",
		"Jamf could not use its own keychain, JAMF.keychain: this is not about the registration with " +
			"Entra, nor about " +
			"the user's keychain",
		"Where Jamf cannot continue, enrol the Mac in Jamf Pro again: that makes a new JAMF.keychain.", c.Source, ""}
}

// Find returns the codes that a number or a name can mean, the most likely first: a number in decimal or hexadecimal,
// which may lack its sign, with AADSTS before it or not; a name, or a part of one of four
// letters or more if none is called so. Several words are only the whole of a name.
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

// longestExact is how many digits a number has at most for which no other sign is tried where it is known as it is
// written.
const longestExact = 3

// withNumber returns the codes of a number, the most likely first. signless are those of the negative number, for one
// that may lack its sign: 50005 is Entra's, and MSAL's -50005 as people write it.
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

// byNumber are where in codes the numbers are, the first code of each domain, the most likely domain first.
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

// sameNumber returns a number and what it is as one of 32 bits with the other kind of sign: an OSStatus is written
// without its sign too, and an HRESULT with one.
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
