package redact

import "strings"

// piped hides text that is piped into a program that reads a secret: `echo x | sudo -S ls`. It is called at each |.
func (h *hider) piped(at int) int {
	text := h.text
	if !readsSecret(text[at+1 : min(len(text), at+1+nearPair)]) {
		return at
	}
	before := text[max(h.copied, at-nearPair):at]
	before = before[strings.LastIndexByte(before, '\n')+1:]
	for _, writer := range []string{"echo ", "printf ", "print ", "yes "} {
		begin := strings.LastIndex(before, writer)
		if begin < 0 || begin > 0 && (isWordByte(before[begin-1]) || before[begin-1] == '-') ||
			endsCommand(before[begin:]) {
			continue
		}
		secret := before[begin+len(writer):]
		for strings.HasPrefix(secret, "-") {
			_, secret, _ = strings.Cut(secret, " ")
		}
		if secret = strings.TrimSpace(secret); secret == "" || strings.HasPrefix(secret, hidden) || isVariable(secret) {
			return at
		}
		from := at - len(before) + strings.LastIndex(before, secret)
		h.replace(from, from+len(secret), hidden)
		return at + 1
	}
	return at
}

// readsSecret reports whether a command's program reads a secret from its standard input.
func readsSecret(command string) bool {
	if end := strings.IndexAny(command, "\n|;"); end >= 0 {
		command = command[:end]
	}
	name, behind := "", strings.TrimLeft(command, " \t&")
	for range 8 { // LC_ALL=C sudo -S
		name, behind, _ = strings.Cut(behind, " ")
		if !strings.Contains(name, "=") && name != "env" {
			break
		}
	}
	reads := programs[name[strings.LastIndexByte(name, '/')+1:]].reads
	if reads == always {
		return true
	}
	for word := range strings.FieldsSeq(behind) {
		for option := range strings.FieldsSeq(reads) {
			// -S may have other letters with it: -kS.
			if word == option || len(option) == 2 && len(word) > 2 && word[0] == '-' && word[1] != '-' &&
				strings.Contains(word, option[1:]) {
				return true
			}
		}
	}
	return false
}

// endsCommand reports whether a command ends within a text: by ; | or & outside of quotes.
func endsCommand(text string) bool {
	quote := byte(0)
	for i := range len(text) {
		switch letter := text[i]; {
		case quote != 0:
			if letter == quote {
				quote = 0
			}
		case letter == '"', letter == '\'':
			quote = letter
		case strings.IndexByte(";|&", letter) >= 0:
			return true
		}
	}
	return quote != 0
}

// isVariable reports whether a word of a shell command is a variable and not a value.
func isVariable(word string) bool {
	return strings.HasPrefix(strings.Trim(word, "\"'"), "$") && !strings.Contains(word, " ") &&
		!strings.Contains(word, "(")
}

// hereString hides a word that a shell passes to a program that reads a secret: `kinit mia <<< x`.
func (h *hider) hereString(at int) int {
	text := h.text
	if !strings.HasPrefix(text[at:], "<<<") || strings.HasPrefix(text[at:], "<<<<") || at > 0 && text[at-1] == '<' ||
		at < h.copied {
		return at
	}
	begin := max(h.copied, at-nearPair)
	command := text[begin:at]
	if !readsSecret(strings.TrimLeft(command[strings.LastIndexAny(command, "\n|;&")+1:], " ")) {
		return at
	}
	from := at + len("<<<")
	for from < len(text) && text[from] == ' ' {
		from++
	}
	if from == len(text) || prefixOf(text[from:], markers...) > 0 || strings.IndexByte("\n<", text[from]) >= 0 {
		return at
	}
	var v value
	if opening, closing := openingQuote(text[from:]); opening != "" {
		v = quoted(text, from, opening, closing)
	} else {
		v = bare(text, from, enclosingQuote(text, at), false, false)
	}
	if prefixOf(text[v.from:], markers...) > 0 || v.from == v.to {
		return at
	}
	h.replace(v.from, v.to, hidden)
	return v.next
}

// notSudoers are words before a colon that do not name a person.
var notSudoers = setOf(`root failed error warning info debug sudo`)

// sudoer replaces the account at the beginning of a line of sudo's log by a pseudonym: `mia : TTY=ttys000 ; PWD=…`. It
// is called at each colon.
func (h *hider) sudoer(at int) int {
	text := h.text
	if at < 2 || at < h.copied || text[at-1] != ' ' || !strings.HasPrefix(text[at:], ": ") {
		return at
	}
	behind, _, _ := strings.Cut(text[at:min(len(text), at+nearPair)], "\n")
	if !strings.Contains(behind, "TTY=") || !strings.Contains(behind, "USER=") && !strings.Contains(behind, "PWD=") {
		return at
	}
	begin := at - 1
	for begin > 0 && strings.IndexByte(" \t\n:", text[begin-1]) < 0 && at-begin <= maximumLabel {
		begin--
	}
	who := text[begin : at-1]
	if begin < h.copied || len(who) < 2 || notSudoers[who] || isPseudonym(who) || !isName(who) {
		return at
	}
	h.account(value{from: begin, to: at - 1}, true)
	return at + 1
}
