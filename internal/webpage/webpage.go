// Package webpage is the common part of usher's self-contained pages. They need no network and cannot use one. They
// show the text of others and never interpret it.
package webpage

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"strings"
	"unicode"
)

// Policy is the Content-Security-Policy of a page with that style and that script inside. It allows nothing else.
func Policy(style, script string) string {
	return "default-src 'none'; style-src " + digest(style) + "; script-src " + digest(script) +
		"; base-uri 'none'; form-action 'none'"
}

// Style is the element of a style of our own.
func Style(style string) template.HTML { return template.HTML("<style>" + style + "</style>") }

// Script is the element of a script of our own.
func Script(script string) template.HTML { return template.HTML("<script>" + script + "</script>") }

// digest is the source expression of an inline element with this content [https://www.w3.org/TR/CSP3/].
func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Clean makes control characters visible, including those that turn the direction of text.
func Clean(text string) string {
	return strings.Map(func(letter rune) rune {
		switch {
		case letter == '\n' || letter == '\t':
			return letter
		case unicode.IsControl(letter), letter >= 0x2028 && letter <= 0x202e, letter >= 0x2066 && letter <= 0x2069,
			letter == 0x200e, letter == 0x200f:
			return unicode.ReplacementChar
		}
		return letter
	}, text)
}
