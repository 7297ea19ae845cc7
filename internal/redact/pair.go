package redact

import "strings"

// nearPair is how far a value may be from its name: `name="password" … value="…"`.
const nearPair = 256

// isPaired reports whether the value of a pair is hidden if its name has this class.
func isPaired(of class) bool {
	switch of {
	case secretLabel, headerLabel, cookieLabel, digestLabel, personLabel, phoneLabel:
		return true
	}
	return false
}

// isName reports whether the value after a label is itself the name of a secret, as in `name="password"`. The value for
// that name follows.
func (h *hider) isName(found field, v value) bool {
	of := namedBy(found.of, found.word, v.textOf(h.text))
	if of == noLabel {
		return false
	}
	if found.separator != h.paired { // its value was before it
		h.named, h.namedAt = of, v.to
	}
	return true
}

// namedBy returns the class of the value for a name after a label, or noLabel if the text is not a name.
func namedBy(of class, label, name string) class {
	switch of {
	case nameLabel, ownerLabel:
	case keyLabel:
		if len(label) < 3 || !strings.EqualFold(label[len(label)-3:], "key") {
			return noLabel
		}
	default:
		return noLabel
	}
	if name == "" || len(name) > maximumLabel {
		return noLabel
	}
	if of := classOf("", name); isPaired(of) && !strings.ContainsAny(name, " \t") {
		return of
	}
	return noLabel
}

// pairedWith returns the class of the value of a pair by its name, which is before or after it.
func (h *hider) pairedWith(found field, v value) class {
	if !strings.HasSuffix(lower(found.word), "val") && !strings.HasSuffix(lower(found.word), "value") &&
		(v.quote == "" || strings.ContainsAny(v.textOf(h.text), " \n")) {
		return noLabel // the caption of an input field
	}
	if of := h.named; of != noLabel && v.from-h.namedAt <= nearPair {
		h.named = noLabel
		return of
	}
	text := h.text[:min(len(h.text), v.next+nearPair/2)]
	for at := v.next; at < len(text); at++ {
		switch text[at] {
		case '{', '}', '<', '>', '[', ']':
			return noLabel
		case '=', ':':
			of, _, word := labelBefore(text, at)
			switch of {
			case valueLabel:
				return noLabel
			case nameLabel, ownerLabel, keyLabel:
				named := namedBy(of, word, nameAt(text, at+1))
				if named != noLabel {
					h.paired = at
				}
				return named
			}
		}
	}
	return noLabel
}

// nameAt returns the word after a separator. The word may be quoted.
func nameAt(text string, at int) string {
	for at < len(text) && text[at] == ' ' {
		at++
	}
	if opening, closing := openingQuote(text[at:]); opening != "" {
		return quoted(text, at, opening, closing).textOf(text)
	}
	return bare(text, at, 0, false, false).textOf(text)
}
