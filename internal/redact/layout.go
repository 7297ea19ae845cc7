package redact

import "strings"

// skipToValue skips the blanks after a separator. It returns false if no value follows; then the value may be in the
// next text.
func (h *hider) skipToValue(found field, at int) (int, bool) {
	text := h.text
	for at < len(text) && (text[at] == ' ' || text[at] == '\t') {
		at++
	}
	if found.encoded && strings.HasPrefix(text[at:], "%20") {
		at += len("%20")
	}
	if at < len(text) && text[at] != '\n' && text[at] != '\r' {
		// A value that fills the line below its label. The label was in the previous text.
		if found.next && (found.equals && at == 0 || !aloneInLine(text, at, found.of)) {
			return 0, false
		}
		return at, true
	}
	if found.inURL || !found.key && !waits(found.of) {
		return 0, false
	}
	for at < len(text) && strings.IndexByte(" \t\r\n", text[at]) >= 0 {
		at++
	}
	if at == len(text) {
		h.state = open{label: found.of, sameLine: !found.key, indented: found.equals}
		return 0, false
	}
	if found.key {
		return at, true
	}
	if (found.equals || found.of == cookieLabel) && (at == 0 || strings.IndexByte(" \t", text[at-1]) < 0) {
		return 0, false
	}
	return at, aloneInLine(text, at, found.of)
}

// waits reports whether the value of a label may be in the line below it.
func waits(of class) bool {
	switch of {
	case secretLabel, personLabel, phoneLabel, headerLabel, cookieLabel:
		return true
	}
	return false
}

// aloneInLine reports whether a value fills its line.
func aloneInLine(text string, at int, of class) bool {
	line, _, _ := strings.Cut(text[at:min(len(text), at+512)], "\n")
	line = strings.TrimSpace(line)
	if isRecord(line) || line == "" || len(line) > 256 || strings.HasPrefix(line, "<") {
		return false
	}
	switch of {
	case personLabel, phoneLabel:
		return strings.Count(line, " ") < 6 && !strings.ContainsAny(line, "=:{}")
	case headerLabel:
		scheme, credentials, _ := strings.Cut(line, " ")
		var space [maximumLabel]byte
		return len(scheme) < 24 && credentials != "" && schemes[string(plainLabel(space[:0], scheme))] &&
			isOdd(credentials)
	case cookieLabel:
		name, _, _ := strings.Cut(line, "=")
		return len(name) < len(line) && !strings.Contains(name, " ")
	}
	if len(line) > 2 && strings.IndexByte("\"'", line[0]) >= 0 && line[len(line)-1] == line[0] {
		return true
	}
	return !strings.ContainsAny(strings.Trim(line, `"'`), " \t") && !strings.HasSuffix(line, ":") && !startsLabel(line)
}

// blockScalar hides a YAML value that is all lines below its label with more indentation: `password: |`.
func (h *hider) blockScalar(found field, from int) int {
	text := h.text
	if found.equals || found.separator <= 0 || from == len(text) || text[from] != '|' && text[from] != '>' {
		return -1
	}
	line := from + 1
	for line < len(text) && line-from < 4 && strings.IndexByte("+-123456789", text[line]) >= 0 {
		line++
	}
	for line < len(text) && strings.IndexByte(" \t\r", text[line]) >= 0 && line-from < 32 {
		line++
	}
	if line < len(text) && text[line] != '\n' {
		return -1
	}
	begin := strings.LastIndexByte(text[:found.begin], '\n') + 1
	indent := begin
	for indent < found.begin && strings.IndexByte(" \t-", text[indent]) >= 0 {
		indent++
	}
	return h.indentedLines(min(line+1, len(text)), indent-begin)
}

// indentedLines hides the lines from a position on that have more indentation than a label. It returns where the next
// line begins.
func (h *hider) indentedLines(at, indent int) int {
	text := h.text
	for at < len(text) {
		end := len(text)
		if newline := strings.IndexByte(text[at:], '\n'); newline >= 0 {
			end = at + newline
		}
		from := at
		for from < end && strings.IndexByte(" \t\r", text[from]) >= 0 {
			from++
		}
		if from < end {
			if from-at <= indent || isRecord(text[from:end]) {
				return at
			}
			if prefixOf(text[from:end], markers...) == 0 {
				h.replace(from, end, hidden)
			}
		}
		at = min(end+1, len(text))
	}
	h.state = open{indent: indent + 1}
	return at
}

// list hides the values of a list that belongs to a label: `"tokens": ["…", "…"]`.
func (h *hider) list(found field, from int) int {
	text := h.text
	end := strings.IndexAny(text[from:min(len(text), from+1024)], "])\n")
	if end < 0 || text[from+end] == '\n' {
		return h.longList(found, from)
	}
	if end < 2 {
		return -1
	}
	inside := text[from+1 : from+end]
	switch {
	case saysNothing(inside):
		return from + end
	case found.of == phoneLabel, found.of == personLabel:
		if digitsOf(inside) < 5 && found.of == phoneLabel {
			return -1
		}
	case found.of == secretLabel, found.of == headerLabel, found.of == cookieLabel:
	default:
		return -1
	}
	marker := hidden
	if found.of == phoneLabel {
		marker = hiddenPhone
	}
	h.replace(from+1, from+end, marker)
	return from + end
}

// longList hides the values of a list with one value per line.
func (h *hider) longList(found field, from int) int {
	text := h.text
	switch found.of {
	case secretLabel, headerLabel, cookieLabel, keyLabel:
	default:
		return -1
	}
	closing := byte(')')
	if text[from] == '[' {
		closing = ']'
	}
	line := from + 1
	for line < len(text) && strings.IndexByte(" \t\r", text[line]) >= 0 && line-from < 32 {
		line++
	}
	if line < len(text) && text[line] != '\n' {
		return -1
	}
	return max(from+1, h.listLines(found.of, min(line+1, len(text)), closing))
}

// dashedList hides the values of a YAML list: each is in a line below the label, after a hyphen.
func (h *hider) dashedList(found field, at int) int {
	if found.of != secretLabel || found.equals || found.separator <= 0 {
		return -1
	}
	for at < len(h.text) && strings.IndexByte(" \t\r", h.text[at]) >= 0 && at-found.separator < 32 {
		at++
	}
	if at == len(h.text) || h.text[at] != '\n' {
		return -1
	}
	if first := strings.TrimLeft(h.text[at+1:min(len(h.text), at+64)], " "); !strings.HasPrefix(first, "- ") {
		return -1
	}
	return h.listLines(found.of, at+1, '-')
}

// listLines hides the values of a list in the lines from a position on, up to the closing byte. The closing byte -
// means a list with hyphens before its values.
func (h *hider) listLines(of class, at int, closing byte) int {
	text := h.text
	for lines := 0; at < len(text) && lines < maximumLines; lines++ {
		end := len(text)
		if newline := strings.IndexByte(text[at:], '\n'); newline >= 0 {
			end = at + newline
		}
		one := strings.Trim(text[at:end], " \t\r")
		if closing == '-' {
			dashed, is := strings.CutPrefix(one, "- ")
			if one = strings.TrimLeft(dashed, " "); !is {
				return at
			}
		}
		if one == "" || one[0] == closing ||
			strings.IndexByte("{}()[]", one[0]) >= 0 && prefixOf(one, markers...) == 0 ||
			strings.ContainsAny(strings.Trim(one, `"',`), " =:") || isRecord(one) {
			return at
		}
		begin := at + strings.Index(text[at:end], one)
		word := strings.Trim(one, `"',`)
		if prefixOf(word, markers...) == 0 && !saysNothing(word) && (of != keyLabel || looksSecret(word)) {
			h.replace(begin, begin+len(strings.TrimRight(one, ",")), hidden)
		}
		at = min(end+1, len(text))
	}
	if at == len(text) {
		h.state = open{list: closing, label: of}
	}
	return at
}

// dictionary hides the value between braces, as in `password = {x}`. If the value has a name there, as in `{ value = x;
// }`, it is hidden when that name is read.
func (h *hider) dictionary(found field, from int) int {
	text := h.text
	if !isPaired(found.of) {
		return -1
	}
	if end := strings.IndexAny(text[from:min(len(text), from+nearPair)], "}\n"); end > 1 && text[from+end] == '}' &&
		found.of == secretLabel {
		inside := strings.TrimSpace(text[from+1 : from+end])
		if inside != "" && !strings.ContainsAny(inside, "=:;, ({&") && !saysNothing(inside) &&
			prefixOf(inside, markers...) == 0 {
			h.replace(from+1, from+end, hidden)
			return from + end
		}
	}
	h.named, h.namedAt = found.of, from
	return -1
}
