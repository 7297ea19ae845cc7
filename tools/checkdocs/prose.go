package main

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// longest is the maximum number of words in a sentence.
const longest = 30

// refused are the words of the table in CONTRIBUTING.md that a program can find, each with its replacement.
var refused = []struct {
	word    *regexp.Regexp
	instead string
}{
	{words(`mend(s|ed|ing)?`), "fix"},
	{words(`anew`), "again, re-read, rebuild"},
	{words(`who(m)?(so)?ever`), "anyone who, the caller, the user"},
	{words(`(root|admins?|user|usherd|usherctl|agent|helper|log|code|command|sentence|page|text|these|those|this|that|it|` +
		`them|line|id|number|letters|headers|macOS|reports|name|file|content) alone`), "only"},
	{words(`tell(s|ing)? (whether|what|how|why|who|when|where|which|that|of|from|about|usherd|its|nobody|everybody)`),
		"say, report, return; `reports whether` in Go comments"},
	{words(`(is|are|was|were|be|been) told`), "is reported, is shown; or name who says it"},
	{words(`he|his|him|himself`), "they, their, or name the user"},
	{words(`(is|are) no (more|longer there)`), "has ended, was removed"},
	{words(`(is|are|was) none(, and| of| and|;)`), "is not a, none exists"},
	{words(`go(es|ing)? on`), "continue"},
	{words(`(stands?|stood|standing) (in (a|the|its|their|this|that|brackets|front)|at|on|there|behind|beside|nowhere|as|where|before|for)`), "is"},
	{words(`how (\w+ )?(\w+ )?(stand|stands|stood)`), "the state of"},
	{words(`counts? (when|no longer|at once|too|here|for|from|as soon|again)|(change|setting) counts`),
		"applies, takes effect"},
	{words(`ma(kes?|de) of`), "builds from, concludes from"},
	{words(`for who|of what (is|was|it|they)|that which|that what`), "name the thing"},
}

func words(pattern string) *regexp.Regexp { return regexp.MustCompile(`(?i)\b(?:` + pattern + `)\b`) }

var (
	sentenceEnd = regexp.MustCompile(`[.!?]["')”]*(?:\s+|$)`)
	abbreviated = regexp.MustCompile(`(?i)\b(e\.g|i\.e|vs|etc|no)\.$`)
)

// proseOf returns the faults in the sentences of blocks, each with its line.
func proseOf(blocks []block) (problems []string) {
	for _, b := range blocks {
		for _, sentence := range sentences(readable(b.text)) {
			if n := countWords(sentence); n > longest {
				problems = append(problems, fmt.Sprintf("%d: a sentence of %d words: %s", b.line, n, sentence))
			}
			for _, entry := range refused {
				if found := entry.word.FindString(sentence); found != "" {
					problems = append(problems, fmt.Sprintf("%d: %q, rather: %s: %s", b.line, found, entry.instead,
						sentence))
				}
			}
		}
	}
	return problems
}

// readable removes the parts that a reader does not read as words. A span of code is one word.
func readable(text string) string {
	text = codeSpan.ReplaceAllString(text, "`code`")
	text = linkText.ReplaceAllString(text, "$1")
	text = tag.ReplaceAllString(text, " ")
	return strings.Join(strings.Fields(strings.NewReplacer("**", "", "__", "").Replace(text)), " ")
}

func sentences(text string) (all []string) {
	from := 0
	for _, end := range sentenceEnd.FindAllStringIndex(text, -1) {
		if abbreviated.MatchString(strings.TrimSpace(text[:end[1]])) {
			continue
		}
		all = append(all, strings.TrimSpace(text[from:end[1]]))
		from = end[1]
	}
	if rest := strings.TrimSpace(text[from:]); rest != "" {
		all = append(all, rest)
	}
	return all
}

func countWords(sentence string) (n int) {
	for _, word := range strings.Fields(sentence) {
		if strings.ContainsFunc(word, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			n++
		}
	}
	return n
}
