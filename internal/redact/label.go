package redact

import (
	"strings"
	"unicode/utf8"
)

// classOf returns the class of a label of one or two words.
func classOf(before, word string) class {
	var space [2 * maximumLabel]byte
	both := plainLabel(space[:0], before)
	alone := len(both)
	both = plainLabel(both, word)
	one := both[alone:]
	if len(one) < 2 {
		return labels[string(one)]
	}
	if asks(word) || notLabels[string(both)] || notLabels[string(one)] {
		return noLabel
	}
	if of := labels[string(both)]; of != noLabel {
		return of
	}
	if prefixOf(word, "x-") > 0 && strings.HasSuffix(string(one), "key") {
		return secretLabel
	}
	of := labels[string(one)]
	for _, ending := range endings[[2]byte(one[len(one)-2:])] {
		if strings.HasSuffix(string(one), ending.word) || alone > 0 && strings.HasSuffix(string(both), ending.word) {
			if of == noLabel || of == ownerLabel || ending.of == secretLabel {
				return ending.of
			}
		}
	}
	if of == noLabel {
		return classOfWords(one, word)
	}
	return of
}

// isWeak reports whether only its last word, or the word before a number, makes a label one of a secret.
func isWeak(word string) bool {
	var space [maximumLabel]byte
	one := plainLabel(space[:0], word)
	if len(word) > maximumLabel || len(one) < 2 || labels[string(one)] != noLabel {
		return false
	}
	for _, ending := range endings[[2]byte(one[len(one)-2:])] {
		if strings.HasSuffix(string(one), ending.word) {
			return false
		}
	}
	return true
}

// classOfWords returns the class of a label that its last word does not decide. A number or a word for "value" at its
// end does not change the class.
func classOfWords(one []byte, word string) class {
	if last := lastWord(word); len(last) < len(word) {
		var space [maximumLabel]byte
		if lastWords[string(plainLabel(space[:0], last))] {
			return secretLabel
		}
	}
	if before := strings.TrimRight(word, "0123456789"); len(before) < len(word) && len(before) > 1 &&
		len(word)-len(before) < 3 && isWordByte(before[len(before)-1]) {
		if of := classOf("", before); of == secretLabel {
			return of
		}
	}
	for _, ending := range valueWords {
		if before, is := strings.CutSuffix(string(one), ending); is && len(before) > 2 {
			if of := classOf("", before); of == secretLabel {
				return of
			}
			break
		}
	}
	return noLabel
}

// lastWord returns the last word of a label: Pin of devicePin, PSK of WIFI_PSK.
func lastWord(label string) string {
	for at := len(label) - 1; at > 0; at-- {
		letter, before := label[at], label[at-1]
		if letter-'A' <= 25 && before-'a' <= 25 || before == '_' || before == '-' || before == '.' {
			return label[at:]
		}
	}
	return label
}

// accents are letters with accents and their plain forms. Some languages treat the accented form as a letter of its
// own.
var accents = strings.NewReplacer("ä", "a", "á", "a", "à", "a", "â", "a", "ã", "a", "å", "a", "ą", "a", "ç", "c", "ć",
	"c", "č", "c", "é", "e", "è", "e", "ê", "e",
	"ë", "e", "ę", "e", "ě", "e", "ğ", "g", "í", "i", "ì", "i", "î", "i", "ï", "i", "ı", "i", "ł", "l", "ñ", "n", "ń",
	"n", "ň", "n", "ó", "o", "ò", "o", "ô", "o",
	"ö", "o", "õ", "o", "ø", "o", "ő", "o", "ř", "r", "ś", "s", "š", "s", "ş", "s", "ß", "ss", "ú", "u", "ù", "u", "û",
	"u", "ü", "u", "ů", "u", "ű", "u", "ý", "y",
	"ź", "z", "ż", "z", "ž", "z", "\u0300", "", "\u0301", "", "\u0302", "", "\u0303", "", "\u0308", "", "\u030a", "",
	"\u030b", "", "\u030c", "", "\u0327", "", "\u0328", "")

// wideLabel finds a label with letters beyond ASCII that ends at a position. It returns its class and where it begins.
func wideLabel(text string, end int) (class, int) {
	at := end
	for at > 0 && end-at <= 2*maximumLabel &&
		(text[at-1] >= utf8.RuneSelf || isWordByte(text[at-1]) || text[at-1] == '-') {
		at--
	}
	word := accents.Replace(strings.ToLower(text[at:end]))
	for i := range len(word) {
		if word[i] >= utf8.RuneSelf {
			for _, ending := range foreign {
				if strings.HasSuffix(word, ending) {
					return secretLabel, at
				}
			}
			return noLabel, at
		}
	}
	return classOf("", word), at
}

// asks reports whether a label asks a question: hasPassword, requires_token.
func asks(label string) bool {
	length := prefixOf(label, "has", "is", "needs", "requires", "require", "allow", "allows", "use", "uses", "show",
		"supports", "should", "did", "will", "can")
	return length > 0 && len(label) > length &&
		(label[length] == '_' || label[length]-'A' <= 25 && label[length-1]-'a' <= 25)
}

// maximumLabel is the longest label; a longer word is not a label.
const maximumLabel = 64

// labelBefore finds the label that ends at a separator: its class, where it begins, and its last word.
func labelBefore(text string, end int) (of class, begin int, word string) {
	at := end
	for at > 0 && end-at < 8 {
		blank := blankBefore(text[:at])
		if blank == 0 {
			break
		}
		at -= blank
	}
	for stop := at - 24; at > 0 && at > stop; { // the quote after it
		switch {
		case strings.IndexByte("\"'`)\\", text[at-1]) >= 0:
			at--
			continue
		case text[at-1] == ']' && at > 1 && (strings.IndexByte("\"'", text[at-2]) >= 0 || isBracketed(text, at-1)):
			at--
			continue
		}
		if quote := suffixOf(text[:at], "&quot;", "&#34;", "%22", "%27", `\u0022`, "”", "’"); quote > 0 {
			at -= quote
			continue
		}
		break
	}
	begin = wordBefore(text, at)
	if begin > 0 && text[begin-1] >= utf8.RuneSelf {
		if of, wide := wideLabel(text, at); of != noLabel {
			return of, wide, text[wide:at]
		}
	}
	if begin == at || at-begin > maximumLabel {
		return noLabel, -1, ""
	}
	word = text[begin:at]
	// A word that follows an encoded separator or escape: `%26client_secret`, `\nPassword`.
	if begin > 0 && text[begin-1] == '%' && len(word) > 2 && isHex(word[0]) && isHex(word[1]) {
		begin += 2
		word = word[2:]
	} else if begin > 0 && text[begin-1] == '\\' && len(word) > 1 {
		switch {
		case word[0] == 'u' && len(word) > 5 && isHex(word[1]) && isHex(word[2]) && isHex(word[3]) && isHex(word[4]):
			begin += 5
		case strings.IndexByte("nrt", word[0]) >= 0 && classOf("", word) == noLabel:
			begin++
		}
		word = text[begin:at]
	}
	before := ""
	if begin > 1 && (text[begin-1] == ' ' || text[begin-1] == '_') {
		from := wordBefore(text, begin-1)
		if begin-1-from <= maximumLabel {
			before = text[from : begin-1]
		}
	}
	return classOf(before, word), begin, word
}

// isBracketed reports whether the bracket at a position closes brackets around only one word: [password].
func isBracketed(text string, at int) bool {
	begin := wordBefore(text, at)
	return begin < at && begin > 0 && text[begin-1] == '['
}

// wordBefore returns where the word before end begins.
func wordBefore(text string, end int) int {
	at := end
	for at > 0 && end-at <= maximumLabel {
		letter := text[at-1]
		if letter-'0' > 9 && (letter|0x20)-'a' > 25 && letter != '_' && letter != '-' && letter != '.' &&
			letter != '#' && letter != '$' {
			break
		}
		at--
	}
	return at
}

func suffixOf(text string, suffixes ...string) int {
	for _, suffix := range suffixes {
		if strings.HasSuffix(text, suffix) {
			return len(suffix)
		}
	}
	return 0
}

func prefixOf(text string, prefixes ...string) int {
	for _, prefix := range prefixes {
		if len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix) {
			return len(prefix)
		}
	}
	return 0
}

func isHex(letter byte) bool { return letter-'0' <= 9 || (letter|0x20)-'a' <= 5 }

// blankBefore returns the length of the blank at the end of a text. French puts special blanks before a colon; they are
// included.
func blankBefore(text string) int {
	switch last := text[len(text)-1]; {
	case last == ' ', last == '\t':
		return 1
	case last >= utf8.RuneSelf:
		return suffixOf(text, "\u00a0", "\u202f")
	}
	return 0
}
