package redact

import "strings"

// element handles a tag that ends with a >. A tag may be `<password>…</password>` or `<entry key="password">…</entry>`.
// After `<key>password</key>` of a property list, the value is the next element.
func (h *hider) element(at int) int {
	text := h.text
	if at < h.copied {
		return at
	}
	from := max(0, at-256)
	begin := strings.LastIndexByte(text[from:at], '<')
	if begin < 0 {
		return at
	}
	begin += from
	tag := text[begin+1 : at]
	if tag == "/key" || tag == "/name" {
		opening := "<" + tag[1:] + ">"
		label0 := max(0, begin-maximumLabel-len(opening))
		key := strings.LastIndex(text[label0:begin], opening)
		if key < 0 {
			return at
		}
		name := text[label0+key+len(opening) : begin]
		of := classOfElement(name)
		if of == noLabel || of == ownerLabel || of == valueLabel || of == nameLabel || tag == "/name" && !isPaired(of) {
			return at
		}
		return max(at, h.valueBehind(field{of: of, word: name, separator: -1, key: true}, at+1))
	}
	if tag == "" || strings.IndexByte("/?!", tag[0]) >= 0 || strings.HasSuffix(tag, "/") {
		return at
	}
	name, _, _ := strings.Cut(tag, " ")
	if colon := strings.LastIndexByte(name, ':'); colon >= 0 {
		name = name[colon+1:]
	}
	if name == "key" || len(name) > maximumLabel {
		return at
	}
	of := classOfElement(name)
	switch of {
	case secretLabel, headerLabel, cookieLabel, digestLabel, personLabel, phoneLabel, accountLabel, otpLabel:
	default:
		switch named := namedByAttribute(tag); {
		case named != noLabel:
			of, h.named, h.namedAt = named, named, at
		case of == valueLabel && h.named != noLabel && at-h.namedAt <= nearPair:
			of, h.named = h.named, noLabel
		default:
			return at
		}
	}
	if begin > 0 && isWordByte(text[begin-1]) && !strings.Contains(text[at:min(len(text), at+512)], "</") {
		return at // Array<Token>
	}
	return max(at, h.insideElement(field{of: of, word: name, separator: -1}, at+1, "</"))
}

// classOfElement returns the class of the content of an element, or of the value of a property list's key. A challenge
// without further words is the password of SCEP.
func classOfElement(name string) class {
	if strings.EqualFold(name, "challenge") {
		return secretLabel
	}
	return classOf(beforeBlank(name))
}

// namedByAttribute returns the class of the content of an element by the name in an attribute.
func namedByAttribute(tag string) class {
	for _, attribute := range []string{` name="`, ` key="`, ` id="`, ` name='`, ` key='`} {
		if at := strings.Index(tag, attribute); at >= 0 && !strings.Contains(tag, " value=") {
			name := tag[at+len(attribute):]
			if end := strings.IndexByte(name, attribute[len(attribute)-1]); end > 0 && end <= maximumLabel {
				if of := classOf("", name[:end]); isPaired(of) {
					return of
				}
			}
		}
	}
	return noLabel
}

func beforeBlank(text string) (before, word string) {
	if blank := strings.LastIndexByte(text, ' '); blank >= 0 {
		return text[:blank], text[blank+1:]
	}
	return "", text
}

// elementValue hides the element that is the value of a property list's key.
func (h *hider) elementValue(found field, from int) int {
	text := h.text
	for _, kind := range []string{"string", "data", "integer", "real", "date", "value"} {
		if prefixOf(text[from:], "<"+kind+">") > 0 {
			return h.insideElement(found, from+len(kind)+2, "</"+kind+">")
		}
	}
	if prefixOf(text[from:], "<array>") > 0 &&
		(found.of == secretLabel || found.of == phoneLabel || found.of == personLabel) {
		from += len("<array>")
		if end := strings.Index(text[from:min(len(text), from+4096)], "</array>"); end > 0 {
			h.replace(from, from+end, "<string>"+hidden+"</string>")
			return from + end
		}
		if lines := strings.Count(text[from:], "\n"); lines < maximumLines && len(text)-from < 4096 {
			h.replace(from, from+len(strings.TrimRight(text[from:], "\r\n")), "<string>"+hidden+"</string>")
			h.state = open{end: "</array>", lines: maximumLines - lines}
			return len(text)
		}
	}
	return -1
}

// insideElement hides the content of an element.
func (h *hider) insideElement(found field, from int, end string) int {
	text := h.text
	if length := prefixOf(text[from:], "<![CDATA["); length > 0 {
		from, end = from+length, "]]>"
	}
	if h.unended == end && from < h.unendedTo { // already searched for
		return -1
	}
	to := closingQuote(text, from, end)
	if to < 0 {
		h.unended, h.unendedTo = end, from+maximumValue-len(end)
		if len(text)-from >= maximumValue ||
			found.of != secretLabel && found.of != headerLabel && found.of != cookieLabel {
			return -1
		}
		if newlines := strings.Count(text[from:], "\n"); newlines <= maximumLines {
			h.replace(from, from+len(strings.TrimRight(text[from:], "\r\n")), hidden)
			h.state = open{end: end, lines: maximumLines - newlines}
			return len(text)
		}
		return -1
	}
	inside := text[from:to]
	trimmed := strings.TrimSpace(inside)
	if trimmed == "" || strings.HasPrefix(trimmed, "<") || prefixOf(trimmed, markers...) > 0 {
		return -1
	}
	lead := strings.Index(inside, trimmed)
	v := value{from: from + lead, to: from + lead + len(trimmed), quote: end}
	v.next = v.to
	if found.of == digestLabel && len(trimmed) > 0 && strings.ContainsAny(trimmed, "\n") {
		h.replace(v.from, v.to, hidden)
		return v.to
	}
	return h.hideValue(found, v)
}
