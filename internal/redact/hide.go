package redact

import (
	"strings"
)

// hidden replaces a secret.
const hidden = "[hidden]"

// open describes what is unfinished at the end of a text, for the text after it.
type open struct {
	// inBlock: the text ends within the lines of a PEM key.
	inBlock bool
	// column is the column in which its lines begin, from 1; 0 means unknown.
	column int
	// label is the class of a label whose value is still to come. sameLine means that only blanks of the same line may
	// come before the value.
	label    class
	sameLine bool
	// indented: the value can only be in a line that begins with blanks.
	indented bool
	// list is the character that closes a list with one value per line.
	list byte
	// end is the text that closes a value whose beginning was hidden: a quote, or the end of an XML element.
	end string
	// lines is within how many more lines end may come.
	lines int
	// word: the text was cut within a line, in an unquoted value.
	word bool
	// indent is the indentation, from 1, of a label whose value is all lines with more indentation.
	indent int
	// named is the class of the value for a name at the end of the text. netrc: an entry of netrc(5) has begun.
	named class
	netrc bool
}

// hider hides the labelled secrets of one text. It reads the text once, from one separator to the next.
type hider struct {
	r      *Redactor
	text   string
	out    strings.Builder
	copied int
	// named is the class of the last value: `name="password" value="…"`.
	named   class
	namedAt int
	// paired is the separator after the label of a name whose value was before the name.
	paired int
	state  open
	// program is the program of the last command line that was examined, up to programAt.
	program   program
	programAt int
	// unended is the end of an element, known to be absent before unendedTo.
	unended   string
	unendedTo int
	// netrc: the text before this one ended in an entry of netrc(5).
	netrc bool
	// claims: the text around claimsAt has claims of a token.
	claims   bool
	claimsAt int
}

// stops are the bytes at which the hider examines the text.
var stops = func() (set [256]bool) {
	for _, stop := range []byte("=:>%\\-+ \t([{<&,|0\xef\xe3\xe4\xe6\xe7") {
		set[stop] = true
	}
	return set
}()

// hide replaces the labelled secrets, names and telephone numbers of a text. state is the unfinished end of the text
// before it.
func (r *Redactor) hide(text string, state open) (string, open) {
	h := &hider{r: r, text: text, state: state, programAt: -1, claimsAt: -1, paired: -2, named: state.named,
		netrc: state.netrc}
	at := h.resume()
	for at < len(text) {
		if !stops[text[at]] {
			at++
			continue
		}
		if next := h.stop(at); next > at {
			at = next
		} else {
			at++
		}
	}
	if h.named != noLabel && len(text)-h.namedAt < nearPair {
		h.state.named = h.named
	}
	last := text[max(0, len(text)-nearPair):]
	h.state.netrc = strings.Contains(last, "machine ") ||
		h.netrc && len(text) < nearPair && strings.Contains(last, "login ")
	if h.copied == 0 && h.out.Len() == 0 {
		return text, h.state
	}
	h.out.WriteString(text[h.copied:])
	return h.out.String(), h.state
}

// replace replaces text[from:to].
func (h *hider) replace(from, to int, by string) {
	if from < h.copied || to < from {
		return
	}
	h.out.WriteString(h.text[h.copied:from])
	h.out.WriteString(by)
	h.copied = to
}

// stop examines one position, and returns where to continue. A result that is not after the position means that nothing
// was found.
func (h *hider) stop(at int) int {
	text := h.text
	switch text[at] {
	case '=':
		if prefixOf(text[at:], "=3D", "=3A") > 0 && at > 0 && isWordByte(text[at-1]) { // quoted-printable
			if next := h.separator(at, at+3, true); next > at {
				return next
			}
		}
		if next := h.blob(at); next > at {
			return next
		}
		return h.separator(at, at+1, false)
	case '|':
		return h.piped(at)
	case ':':
		if next := h.userInfo(at); next > at {
			return next
		}
		if next := h.sudoer(at); next > at {
			return next
		}
		return h.separator(at, at+1, false)
	case '>':
		if at > 0 && text[at-1] == '-' {
			return h.separator(at-1, at+1, false)
		}
		return h.element(at)
	case '%':
		if length := prefixOf(text[at:], "%253D", "%253A"); length > 0 {
			return h.separator(at, at+length, true)
		}
		if prefixOf(text[at:], "%3D", "%3A") > 0 {
			if next := h.userInfo(at); next > at {
				return next
			}
			return h.separator(at, at+3, true)
		}
		if prefixOf(text[at:], "%2B") > 0 {
			return h.phone(at, at+3)
		}
		if prefixOf(text[at:], "%5C") > 0 {
			return h.domainUser(at, at+3)
		}
	case '\\':
		if length := prefixOf(text[at:], `\u003d`, `\u003a`, `\x3d`, `\x3a`); length > 0 {
			return h.separator(at, at+length, false)
		}
		if prefixOf(text[at:], `\u002b`) > 0 {
			return h.phone(at, at+6)
		}
		end := at + 1
		for end < len(text) && end-at < 4 && text[end] == '\\' {
			end++
		}
		return h.domainUser(at, end)
	case '-':
		if next := h.block(at); next > at {
			return next
		}
		if next := h.americanPhone(at); next > at {
			return next
		}
		return h.flag(at)
	case '+':
		return h.phone(at, at+1)
	case '0':
		return h.nationalPhone(at)
	case ' ', '\t':
		return h.phrase(at)
	case '(', '[', '{', '<':
		if next := h.hereString(at); next > at {
			return next
		}
		if next := h.bracket(at); next > at || text[at] != '(' {
			return next
		}
		return h.americanPhone(at)
	case ',':
		return h.comma(at)
	default:
		if length := prefixOf(text[at:], encodedSeparators...); length > 0 {
			return h.separator(at, at+length, false)
		}
		if length := prefixOf(text[at:], isWords...); length > 0 {
			if value := strings.TrimPrefix(text[at+length:min(len(text), at+length+8)], " "); value != "" &&
				(isWordByte(value[0]) || prefixOf(value, "「", "『", `"`) > 0) {
				return h.separator(at, at+length, false)
			}
		}
	}
	return at
}

func isWordByte(letter byte) bool {
	return letter-'0' <= 9 || (letter|0x20)-'a' <= 25 || letter == '_'
}

// resume continues with the unfinished part of the previous text.
func (h *hider) resume() int {
	state := h.state
	h.state = open{}
	switch {
	case state.word:
		end := strings.IndexAny(h.text, " \t\r\n\"'<,;&)}]")
		if end < 0 {
			end, h.state = len(h.text), state
		}
		h.replace(0, end, "")
		return end
	case state.inBlock:
		return h.blockLines(0, state.column-1)
	case state.list != 0:
		return h.listLines(state.label, 0, state.list)
	case state.indent > 0:
		return h.indentedLines(0, state.indent-1)
	case state.end != "":
		if at := closingQuote(h.text, 0, state.end); at >= 0 && at < maximumValue {
			lines := strings.Count(h.text[:at], "\n")
			if lines <= state.lines && !(lines > 0 && isRecord(h.text)) {
				h.replace(0, at, "")
				return at
			}
		}
		if state.lines > 0 && !isRecord(h.text) && strings.Count(h.text, "\n") < state.lines && state.end != "'" {
			h.replace(0, len(strings.TrimRight(h.text, "\r\n")), "")
			h.state = state
			h.state.lines -= max(1, strings.Count(h.text, "\n"))
			return len(h.text)
		}
	case state.label == secretLabel && state.sameLine && !state.indented &&
		strings.HasPrefix(strings.TrimLeft(h.text, " "), "- "):
		return h.listLines(state.label, 0, '-')
	case state.label != noLabel:
		return max(0, h.valueBehind(
			field{of: state.label, next: state.sameLine, key: !state.sameLine, equals: state.indented}, 0))
	}
	return 0
}
