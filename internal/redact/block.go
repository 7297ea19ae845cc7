package redact

import "strings"

// hiddenKey and hiddenBlock replace the lines from BEGIN to END.
const (
	hiddenKey   = "[private key]"
	hiddenBlock = "[block]"
)

// block hides a key or certificate in PEM that begins at a position. It is in one line with escapes, or in several
// lines.
func (h *hider) block(at int) int {
	text := h.text
	if at > 0 && text[at-1] == '-' || at < h.copied {
		return at
	}
	behind := dashes(text, at)
	if behind-at < 4 {
		return at
	}
	if behind < len(text) && text[behind] == ' ' {
		behind++
	}
	if prefixOf(text[behind:], "BEGIN") == 0 {
		return at
	}
	title := text[behind:min(len(text), behind+100)]
	end := strings.Index(title, "---")
	if end < 0 || strings.ContainsAny(title[:end], "\n\"") {
		return at
	}
	marker := hiddenBlock
	if strings.Contains(title[:end], "PRIVATE") || strings.Contains(title[:end], "SEED") {
		marker = hiddenKey
	}
	near := min(len(text), behind+maximumValue)
	line := near
	if newline := strings.IndexByte(text[behind:near], '\n'); newline >= 0 {
		line = behind + newline
	} else if newline := strings.IndexByte(text[near:], '\n'); newline >= 0 {
		line = near + newline
	} else {
		line = len(text)
	}
	if end := blockEnd(text[:min(line, near)], behind); end > 0 {
		h.replace(at, end, marker)
		return end
	}
	h.replace(at, line, marker)
	if line == len(text) {
		h.state = open{inBlock: true}
		return line
	}
	return h.blockLines(line+1, -1)
}

func dashes(text string, at int) int {
	for at < len(text) && text[at] == '-' {
		at++
	}
	return at
}

// blockEnd returns where the line with END ends, or 0 if there is none.
func blockEnd(text string, from int) int {
	for {
		at := strings.Index(text[from:], "END")
		if at < 0 {
			return 0
		}
		from += at + 3
		before := strings.TrimSuffix(text[:from-3], " ")
		if !strings.HasSuffix(before, "---") {
			continue
		}
		end := strings.Index(text[from:min(len(text), from+100)], "---")
		if end < 0 {
			return 0
		}
		return dashes(text, from+end)
	}
}

// blockLines hides the lines of a key from a position on. They may be the last words of log entries. It returns where
// something else begins.
func (h *hider) blockLines(at, column int) int {
	text := h.text
	for at < len(text) {
		end := len(text)
		if newline := strings.IndexByte(text[at:], '\n'); newline >= 0 {
			end = at + newline
		}
		line := text[at:end]
		if over := blockEnd(line, 0); over > 0 {
			begin := strings.Index(line, "---")
			h.replace(at+begin, at+over, "")
			return at + over
		}
		line = strings.TrimRight(line, " \t\r\"',\\")
		from := strings.LastIndexAny(line, " \t|\"'>") + 1
		word := line[from:]
		whole := strings.Trim(line[:from], " \t\"'") == ""
		switch {
		case word == "" && whole:
		case isBase64(word) && (len(word) >= 32 || whole || from == column):
			h.replace(at+from, at+len(line), hidden)
			column = from
		case strings.HasPrefix(line, "Proc-Type:"), strings.HasPrefix(line, "DEK-Info:"),
			strings.HasPrefix(line, "Comment:"):
			h.replace(at, at+len(line), hidden)
		default:
			return at
		}
		at = min(end+1, len(text))
	}
	h.state = open{inBlock: true, column: column + 1}
	return at
}

func isBase64(text string) bool {
	for i := range len(text) {
		if letter := text[i]; letter-'0' > 9 && (letter|0x20)-'a' > 25 && strings.IndexByte("+/=_-.", letter) < 0 {
			return false
		}
	}
	return true
}
