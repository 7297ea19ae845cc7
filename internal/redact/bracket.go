package redact

import "strings"

// brackets are the opening brackets with the brackets that close them.
var brackets = map[byte]string{'(': ")", '[': "]", '{': "}", '<': ">"}

// questions are the first words of method names whose argument is not a secret: getToken("scope").
var questions = strings.Fields(
	`get acquire fetch request read load find look delete remove validate check verify log print new make create
		parse decode for with by key object refresh revoke renew cache`)

// bracket handles the value between brackets after a label: `password (x)`, `setPassword("x")`.
func (h *hider) bracket(at int) int {
	text := h.text
	if prefixOf(text[at:], "<NSHTTPCookie") > 0 {
		h.named, h.namedAt = secretLabel, at
		return at
	}
	if at < 2 || at < h.copied {
		return at
	}
	if last := text[at-1]; !isWordByte(last) && (last != ' ' || !isWordByte(text[at-2])) {
		return at
	}
	of, _, word := labelBefore(text, at)
	if of != secretLabel && of != otpLabel {
		return at
	}
	line := text[at+1 : min(len(text), at+nearPair)]
	if opening, closing := openingQuote(strings.TrimPrefix(line, "@")); opening != "" &&
		(text[at] == '(' || text[at] == '[') {
		word = word[strings.LastIndexByte(word, '.')+1:]
		if prefixOf(word, questions...) > 0 || prefixOf(word, "credential", "userpassword") > 0 {
			return at
		}
		whole := quoted(text, at+1+strings.Index(line, opening), opening, closing)
		inside := whole.textOf(text)
		if whole.unfinished || strings.ContainsAny(inside, "\n") || strings.Contains(inside, "://") ||
			saysNothing(inside) || classOf("", inside) != noLabel ||
			strings.HasSuffix(strings.TrimSpace(inside), ":") ||
			prefixOf(inside, markers...) > 0 || text[at] == '[' && !looksSecret(inside) {
			return at
		}
		h.replace(whole.from, whole.to, hidden)
		return whole.next
	}
	end := strings.IndexAny(line, brackets[text[at]]+"\n")
	if end < 1 || line[end:end+1] != brackets[text[at]] {
		return at
	}
	inside := strings.TrimSpace(line[:end])
	if of == otpLabel || strings.HasSuffix(lower(word), "pin") || strings.HasSuffix(lower(word), "code") ||
		strings.HasSuffix(lower(word), "otp") {
		if !isOneTime(inside) && !looksSecret(inside) {
			return at
		}
	} else if !looksSecret(inside) {
		return at
	}
	h.replace(at+1, at+1+end, hidden)
	return at + 1 + end
}

// comma handles a quoted name and a quoted value with a comma between them: `("password", "x")`.
func (h *hider) comma(at int) int {
	text := h.text
	if at < 3 || at < h.copied || strings.IndexByte("\"'", text[at-1]) < 0 {
		return at
	}
	if of, _, _ := labelBefore(text, at); of != secretLabel {
		return at
	}
	from := at + 1
	for from < len(text) && text[from] == ' ' {
		from++
	}
	opening, closing := openingQuote(text[from:])
	if opening == "" {
		return at
	}
	whole := quoted(text, from, opening, closing)
	if whole.unfinished || !looksSecret(whole.textOf(text)) {
		return at
	}
	h.replace(whole.from, whole.to, hidden)
	return whole.next
}
