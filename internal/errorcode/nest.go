package errorcode

import "strings"

// nest sets the error that each code belongs to, and its depth in that error. An NSError writes the error that caused
// it in braces: "Error Domain=A Code=1 UserInfo={NSUnderlyingError=0x6 {Error Domain=B Code=2}}". Codes in its message
// and its UserInfo are deeper than its own. The lines of a log may be cut, so unclosed braces end with the text.
func nest(text string, found []Found) {
	var open []int // how many braces are open around each error that is
	braces, quotes, chain, next := 0, 0, 0, 0
	for i := 0; i < len(text) && next < len(found); i++ {
		for next < len(found) && found[next].at <= i {
			one := &found[next]
			switch {
			case next > 0 && one.at == found[next-1].at:
				// another meaning of the same number
				one.Depth = found[next-1].Depth
			case one.isNSError && !(chain > 0 && isInside(text, one.at, len(open) > 0)):
				open, braces, quotes = []int{0}, 0, 0
				chain++
				one.Depth = 0
			case one.isNSError:
				one.Depth = max(len(open), 1)
				if len(open) == 0 || open[len(open)-1] < braces {
					open = append(open, braces)
				}
			case len(open) > 0:
				one.Depth = len(open)
			default:
				chain++
			}
			one.Chain = chain
			next++
		}
		switch text[i] {
		case '{':
			braces++
		case '}':
			braces--
			for len(open) > 0 && (open[len(open)-1] > braces || braces <= 0) {
				open = open[:len(open)-1]
			}
			braces = max(braces, 0)
		case '"':
			quotes++
		case '\n':
			if braces == 0 && quotes%2 == 0 {
				open = nil
			}
		}
	}
}

// isInside reports whether the NSError whose domain is at a position of the text is inside the one before it. isOpen
// says that the one before has not ended yet.
func isInside(text string, at int, isOpen bool) bool {
	before := strings.TrimRight(text[max(0, at-64):at], "=: ")
	before = strings.TrimRight(strings.TrimSuffix(strings.TrimSuffix(before, "Domain"), "domain"), " ")
	before = strings.TrimRight(strings.TrimSuffix(strings.TrimSuffix(before, "Error"), "error"), " \t\r\n\\")
	if before == "" {
		return false
	}
	switch before[len(before)-1] {
	case '{':
		return true
	case '"', '(', '[', '=', ',':
		return isOpen
	}
	return false
}

// Deepest returns the known code that says most about the cause, and the deepest unknown code, or nil. Of codes at the
// same depth, Entra's own answer says most, and then the last one in the text.
func Deepest(found []Found) (known, unknown *Found) {
	for i := range found {
		one := &found[i]
		best := &known
		if !one.Known {
			if one.Domain == ExitCode {
				continue
			}
			best = &unknown
		}
		if *best == nil || one.Depth > (*best).Depth ||
			one.Depth == (*best).Depth && rank(one.Domain) >= rank((*best).Domain) && !(one.Bare && (*best).Bare) {
			*best = one
		}
	}
	return known, unknown
}
