package applog

import "strings"

// textLines is the body of entries whose message may continue on further lines. A line belongs to the entry unless it
// is the head of another one. A line that begins with a date is an unknown entry and ends the message.
type textLines struct {
	lines int
	// first is the message of the first line.
	first string
}

// maximumTextLines ends a message that nothing else ends.
const maximumTextLines = 1000

// textBody is the body function of formats with such entries. The message has to be the end of the first line.
func textBody(record *Record) body {
	return &textLines{first: record.Message}
}

func (t *textLines) take(text string, _ *Record) (belongs, done bool) {
	if t.lines++; t.lines > maximumTextLines || looksDated(text) {
		return false, false
	}
	return true, false
}

func (*textLines) within(byte) bool { return false }

func (t *textLines) end(record *Record) (torn bool) {
	if t.lines == 0 {
		return false
	}
	line, rest, _ := strings.Cut(record.Raw, "\n")
	if line = strings.TrimSuffix(line, "\r"); strings.HasSuffix(line, t.first) && !strings.Contains(rest, "&") {
		// The message is a part of Raw, which is kept anyway.
		record.Message = strings.TrimRight(record.Raw[len(line)-len(t.first):], "\r\n"+blanks)
		return false
	}
	lines := []string{t.first}
	for raw := range strings.Lines(rest) {
		lines = append(lines, unescaped(trimLineEnd(raw)))
	}
	record.Message = strings.TrimRight(strings.Join(lines, "\n"), "\r\n"+blanks)
	return false
}

// looksDated reports whether a line begins with a year, month and day, or with a weekday like jamf.log's lines. The
// level that Console writes may come before the year.
func looksDated(text string) bool {
	if word, rest := cutWord(text); len(word) <= len("activity") && len(rest) > dateLength && isLower(word) {
		text = rest[1:]
	}
	if len(text) >= dateLength && text[4] == '-' && text[7] == '-' && isNumber(text[:4]) && isNumber(text[5:7]) &&
		isNumber(text[8:10]) {
		return true
	}
	return len(text) >= len("Sun Apr 26 ") && text[3] == ' ' && text[7] == ' ' && text[10] == ' ' &&
		strings.Contains(" Sun Mon Tue Wed Thu Fri Sat ", " "+text[:4]) && isNumber(strings.TrimLeft(text[8:10], " "))
}

func isLower(text string) bool {
	for i := range len(text) {
		if text[i]-'a' > 25 {
			return false
		}
	}
	return text != ""
}
