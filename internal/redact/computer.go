package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// models are the names of computer models in names such as "Mia's MacBook Pro". Longer names come before their
// beginnings.
var models = []string{"MacBook Pro", "MacBook Air", "MacBook", "iMac Pro", "iMac", "Mac mini", "Mac Studio", "Mac Pro",
	"MBP", "MBA", "Mac", "iPhone", "iPad"}

// of is the word before the owner's name, in languages that write it after the model.
var of = []string{" von ", " de ", " di ", " van ", " da ", " do ", " du ", " av ", " af ", " fra ", " of "}

// notOwners are capitalised words before "'s Mac", or after "Mac of", that are not names.
var notOwners = setOf(
	`the this that it its let what here there who user users company customer client today yesterday everyone nobody
		someone apple jamf microsoft intune entra apples your my our their his her owner owners admin admins
		each every another new old school university lab student employee device`)

// replaceComputers replaces computer names that contain their owner's name.
func (r *Redactor) replaceComputers(text string) string {
	var out strings.Builder
	copied := 0
	for at := 0; at < len(text); {
		next := nextModel(text, at)
		if next < 0 {
			break
		}
		begin, end := computerAround(text[:min(len(text), next+80)], next)
		if end == 0 || begin < copied {
			at = next + 2
			continue
		}
		name := text[begin:end]
		if r.learning {
			r.learnComputer(name)
			r.learnOwner(name)
		}
		out.WriteString(text[copied:begin])
		out.WriteString(r.pseudonym(computerKind, strings.ReplaceAll(name, "’", "'")))
		copied, at = end, end
	}
	if copied == 0 {
		return text
	}
	out.WriteString(text[copied:])
	return out.String()
}

// nextModel returns where the next word that may be a model begins, or -1.
func nextModel(text string, from int) int {
	for at := from; at+3 <= len(text); at++ {
		switch text[at] {
		case 'M':
			if text[at+1] == 'a' && text[at+2] == 'c' || text[at+1] == 'B' {
				return at
			}
		case 'i':
			if text[at+1] == 'M' || text[at+1] == 'P' {
				return at
			}
		}
	}
	return -1
}

// computerAround returns the begin and end of the computer name around the model at a position. It returns 0 and 0 if
// the name has no owner.
func computerAround(text string, at int) (begin, end int) {
	model := ""
	for _, one := range models {
		for _, way := range []string{one, strings.ReplaceAll(one, " ", "-")} {
			if model == "" && strings.HasPrefix(text[at:], way) {
				model = way
			}
		}
	}
	end = at + len(model)
	if model == "" || end < len(text) &&
		(isWordByte(text[end]) || text[end] >= utf8.RuneSelf && unicode.IsLetter(firstRune(text[end:]))) {
		return 0, 0
	}
	// Mia's MacBook Pro, Mias MacBook, Mias-MacBook-Pro
	if at > 3 && (text[at-1] == ' ' || text[at-1] == '-') {
		owner := ownerBefore(text, at-1)
		word := text[owner : at-1]
		whose := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(word, "s"), "'"), "’")
		switch {
		case !isOwner(whose):
		case strings.ContainsAny(word, "'’"), text[at-1] == '-' && strings.HasSuffix(word, "s") && model != "Mac":
			// Mia Keller's MacBook
			if first := ownerBefore(text, max(0, owner-1)); owner > 1 && text[owner-1] == ' ' && first < owner-1 &&
				isOwner(text[first:owner-1]) {
				owner = first
			}
			return owner, end
		case text[at-1] == ' ' && strings.HasSuffix(word, "s") && len(model) > 3 &&
			(owner == 0 || strings.IndexByte("\"'=:\n", text[owner-1]) >= 0 ||
				owner > 1 && text[owner-1] == ' ' && strings.IndexByte("=:", text[owner-2]) >= 0):
			return owner, end // Mias MacBook, in a place for names
		}
	}
	// MacBook Pro von Mia
	if number := strings.TrimLeft(text[end:], " ("); len(number) > 2 && number[0]-'0' <= 9 && number[1] == ')' {
		end = len(text) - len(number) + 2 // MacBook Pro (2) von Mia
	}
	for _, preposition := range of {
		if strings.HasPrefix(text[end:], preposition) && model != "Mac" {
			from := end + len(preposition)
			last := from
			for last < len(text) {
				letter, size := utf8.DecodeRuneInString(text[last:])
				if !unicode.IsLetter(letter) && letter != '-' {
					break
				}
				last += size
			}
			if isOwner(text[from:last]) {
				return at, last
			}
		}
	}
	return 0, 0
}

// ownerBefore returns where the word that ends at a position begins. The word may contain an apostrophe.
func ownerBefore(text string, end int) int {
	at := end
	for at > 0 && end-at < 40 {
		letter, size := utf8.DecodeLastRuneInString(text[:at])
		if !unicode.IsLetter(letter) && letter != '\'' && letter != '’' {
			break
		}
		at -= size
	}
	return at
}

// isOwner reports whether a word may be the name of a person.
func isOwner(word string) bool {
	var space [64]byte
	if len(word) < 2 || len(word) > 40 || !unicode.IsUpper(firstRune(word)) {
		return false
	}
	plain := plainLabel(space[:0], word)
	return !notOwners[string(plain)] && !products[string(plain)] && isName(word) && strings.ToUpper(word) != word
}

// learnOwner learns the owner's name from the name of a computer.
func (r *Redactor) learnOwner(computer string) {
	for _, preposition := range of {
		if _, who, is := strings.Cut(computer, preposition); is {
			r.learnUser(who)
			return
		}
	}
	if who, model, is := strings.Cut(computer, "s MacBook"); is && isOwner(who) && model != "" &&
		!strings.ContainsAny(who, " '’") {
		r.learnUser(who)
	}
	if who, _, is := strings.Cut(computer, "-"); is && !strings.ContainsAny(computer, " '’") {
		r.learnUser(strings.TrimSuffix(who, "s"))
	}
}
