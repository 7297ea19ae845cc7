package errorcode

import (
	"strings"
	"sync"
)

// wordIndex finds the [Code.Words] of all codes in one pass over a text.
var wordIndex = sync.OnceValue(func() *wordTable {
	table := &wordTable{}
	for at, c := range codes {
		for words := range strings.SplitSeq(c.Words, "|") {
			if words != "" {
				first, second := words[0]|0x20, words[1]|0x20
				table.second[first] |= 1 << (second % 64)
				table.second[first&^0x20] |= 1 << (second % 64)
				table.words[first] = append(table.words[first], wordsOf{words, second, at})
			}
		}
	}
	return table
})

// wordTable has the words by their first character, and a set of their second characters. With the set, most of a text
// is skipped.
type wordTable struct {
	second [256]uint64
	words  [256][]wordsOf
}

type wordsOf struct {
	words  string
	second byte
	at     int
}

// byWords finds the codes that a text shows by their words.
func byWords(text string) (found []token) {
	table := wordIndex()
	for i := 0; i+1 < len(text); i++ {
		if table.second[text[i]]&(1<<((text[i+1]|0x20)%64)) == 0 {
			continue
		}
		for _, one := range table.words[text[i]|0x20] {
			if one.second != text[i+1]|0x20 || len(text)-i < len(one.words) ||
				!strings.EqualFold(text[i:i+len(one.words)], one.words) {
				continue
			}
			// A name is a word, not a part of another one.
			if i > 0 && isWord(text[i-1]) || len(text) > i+len(one.words) && isWord(text[i+len(one.words)]) {
				continue
			}
			found = append(found, token{kind: nameToken, at: i, end: i + len(one.words), code: one.at})
			if len(found) >= maximumTokens {
				return found
			}
		}
	}
	return found
}
