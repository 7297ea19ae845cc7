package redact

import "strings"

// flag handles an option of a command line, `--password x`, also as a list: `"--password", "x"`.
func (h *hider) flag(at int) int {
	text := h.text
	if at < h.copied || at > 0 && strings.IndexByte(" \t\n\"'`[(,=", text[at-1]) < 0 {
		return at
	}
	end := dashes(text, at)
	if end-at > 2 {
		return end
	}
	name := end
	for end < len(text) && end-name <= maximumLabel && (isWordByte(text[end]) || text[end] == '-') {
		end++
	}
	if end == name || end == len(text) {
		return at
	}
	of := classOf("", text[name:end])
	switch of {
	case secretLabel, personLabel, accountLabel, phoneLabel, headerLabel, cookieLabel:
	case keyLabel, digestLabel:
	default:
		if end-name > 10 {
			return at
		}
		program := h.programBefore(at)
		switch {
		case strings.Contains(program.takes, " "+text[at:end]+" "):
			of = secretLabel
		case program.attached && text[at+1] == 'p' && end-name > 1:
			word := bare(text, at+2, enclosingQuote(text, at), false, false)
			h.replace(word.from, word.to, hidden)
			return word.to
		default:
			return at
		}
	}
	from := end
	switch {
	case text[end] == ' ':
		for from < len(text) && text[from] == ' ' {
			from++
		}
	case strings.IndexByte("\"'", text[end]) >= 0:
		for from < len(text) && from-end < 8 && strings.IndexByte("\"', \n\t", text[from]) >= 0 {
			from++
		}
		if from >= len(text) || from-end < 2 || strings.IndexByte("\"'", text[from-1]) < 0 {
			return at
		}
		from--
	default:
		return at
	}
	if from >= len(text) || text[from] == '-' && from+1 < len(text) &&
		(text[from+1] == '-' || isWordByte(text[from+1])) {
		return at
	}
	if prefixOf(text[from:], markers...) > 0 {
		return at
	}
	var v value
	if opening, closing := openingQuote(text[from:]); opening != "" {
		v = quoted(text, from, opening, closing)
		if prefixOf(text[v.from:], markers...) > 0 {
			return at
		}
	} else {
		v = bare(text, from, enclosingQuote(text, at), false, false)
		word := v.textOf(text)
		if strings.EqualFold(text[name:end], "changepassword") && isRealm(word) {
			return at // the program asks for it
		}
		if text[end] == ' ' && (passPhraseEnds[lower(word)] || strings.HasPrefix(word, "option") ||
			of == secretLabel && isWeak(text[name:end]) && !isOdd(word)) {
			return at // a sentence about the option
		}
		if strings.Contains(word, ":") && strings.Trim(word, "0123456789.:") == "" {
			return at // ports, of docker run -p
		}
		if of == secretLabel && strings.HasPrefix(v.textOf(text), "/Users/") { // dscl . -passwd /Users/name new
			v.from = min(len(text), v.to+1)
			v.to = endOfLine(text, v.from, enclosingQuote(text, at))
			v.next = v.to
			if v.from >= v.to {
				return at
			}
		}
	}
	if prefixOf(text[v.from:], markers...) > 0 {
		return v.to
	}
	return max(at, h.hideValue(field{of: of, begin: at, word: text[name:end], separator: -1, equals: true}, v))
}

// isRealm reports whether a word is a realm of Kerberos, in capitals.
func isRealm(word string) bool { return strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-") == "" }

// programBefore returns the known facts about the program in the command line around a position.
func (h *hider) programBefore(at int) (found program) {
	from := max(0, at-256)
	if h.programAt >= from { // already found for the previous option
		from, found = h.programAt, h.program
	}
	line := h.text[from:at]
	if newline := strings.LastIndexAny(line, "\n|;"); newline >= 0 {
		line, found = line[newline+1:], program{}
	}
	for word := range strings.FieldsSeq(line) {
		word = strings.Trim(word, "\"'`[](),:$")
		if slash := strings.LastIndexByte(word, '/'); slash >= 0 {
			word = word[slash+1:]
		}
		if p := programs[word]; p.takes != "" || p.attached {
			found = p
		}
	}
	h.programAt, h.program = at, found
	return found
}

// userInfo hides the name and password in a URL: `https://user:password@host`.
func (h *hider) userInfo(at int) int {
	text := h.text
	if at == 0 || (text[at-1]|0x20)-'a' > 25 || at < h.copied {
		return at
	}
	length := prefixOf(text[at:], "://", `:\/\/`, "%3A%2F%2F", `:\u002f\u002f`)
	if length == 0 {
		return at
	}
	from := at + length
	end := min(len(text), from+512)
	last := -1
scan:
	for i := from; i < end; i++ {
		switch text[i] {
		case '/', '?', '#', ' ', '\t', '\n', '\r', '"', '<', '>', '|', ',':
			break scan
		case '\\':
			if prefixOf(text[i:], `\u0040`) > 0 {
				last = i
			} else if prefixOf(text[i:], `\/`, `\"`) > 0 {
				break scan
			}
		case '%':
			if prefixOf(text[i:], "%40") > 0 {
				last = i
			} else if prefixOf(text[i:], "%2F", "%3F", "%22", "%26") > 0 {
				break scan
			}
		case '@':
			last = i
		}
	}
	if last <= from || prefixOf(text[from:], markers...) > 0 {
		return at
	}
	h.replace(from, last, hidden)
	return last
}
