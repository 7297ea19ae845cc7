package explain

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"usher.internal/internal/applog"
	"usher.internal/internal/errorcode"
	"usher.internal/internal/event"
)

// longestForNames is the length of a text up to which names of usher are looked for in it: lines of a log have none.
const longestForNames = 4096

// explainText explains the events, codes and names in a text, each once. The text is lines of a log, a part of one, or
// what a person wrote. unknown are the codes in it that usher does not know; if found has anything else, it has those
// too.
func explainText(text string) (found []explanation, unknown []errorcode.Code) {
	add := func(one explanation) { found = appendNew(found, one) }
	// An unknown error is mentioned only if its codes say nothing either.
	var unexplained []explanation
	for record, err := range applog.Read(context.Background(), strings.NewReader(text), applog.Options{}) {
		if err != nil {
			break
		}
		known := event.Recognise(record)
		if known == nil {
			known = event.InMessage(record.Message)
		}
		if known == nil {
			continue
		}
		if known.Name == event.ErrorWritten {
			unexplained = append(unexplained, explainEvent(known))
			continue
		}
		add(explainEvent(known))
		if known.Name == event.PortalFailed {
			// The exit code is in the entry [SEED].
			for _, one := range exitCodesNumbered(record.Fields.Get("resultData"), "Company Portal") {
				add(one)
			}
		}
	}
	for _, chain := range chains(errorcode.Asked(text)) {
		explained, notKnown := explainChain(chain)
		for _, one := range explained {
			add(one)
		}
		if notKnown != nil && !slices.Contains(unknown, *notKnown) {
			unknown = append(unknown, *notKnown)
		}
	}
	for _, one := range namesIn(text) {
		add(one)
	}
	if len(found) == 0 {
		// An unknown code says more than an event that only says that something failed.
		if len(unknown) > 0 {
			return nil, unknown
		}
		return unexplained[:min(len(unexplained), 1)], nil
	}
	for _, code := range unknown {
		add(explainUnknown(code))
	}
	return found, unknown
}

// appendNew appends explanations that are not in the list yet.
func appendNew(found []explanation, more ...explanation) []explanation {
	for _, one := range more {
		if !slices.ContainsFunc(found, func(other explanation) bool {
			return other.Kind == one.Kind && other.Name == one.Name && other.Program == one.Program &&
				equal(other.Code, one.Code)
		}) {
			found = append(found, one)
		}
	}
	return found
}

func equal(a, b *int64) bool { return a == b || a != nil && b != nil && *a == *b }

// chains splits codes into the errors of a text, each with its inner errors.
func chains(found []errorcode.Found) (all [][]errorcode.Found) {
	slices.SortStableFunc(found, func(a, b errorcode.Found) int { return cmp.Compare(a.Chain, b.Chain) })
	for len(found) > 0 {
		end := 1
		for end < len(found) && found[end].Chain == found[0].Chain {
			end++
		}
		all, found = append(all, found[:end]), found[end:]
	}
	return all
}

// explainChain explains an error by the deepest code that usher knows. It returns the deepest code that usher does not
// know, or nil if there is none. A number without a domain is explained for every domain that has it.
func explainChain(chain []errorcode.Found) (explained []explanation, unknown *errorcode.Code) {
	known, notKnown := errorcode.Deepest(chain)
	if notKnown != nil {
		unknown = &notKnown.Code
		if notKnown.Bare {
			if explained = exitCodesNumbered(strconv.FormatInt(notKnown.Number, 10), ""); len(explained) > 0 {
				unknown = nil
			}
		}
	}
	for _, one := range chain {
		// An exit code is Company Portal's; it is usherctl's only if Company Portal does not have it.
		if one.Domain == errorcode.ExitCode {
			number := strconv.FormatInt(one.Number, 10)
			codes := exitCodesNumbered(number, "Company Portal")
			if len(codes) == 0 {
				codes = exitCodesNumbered(number, "")
			}
			if explained = append(explained, codes...); len(codes) == 0 && unknown == nil {
				unknown = &one.Code
			}
		}
	}
	if known == nil {
		return explained, unknown
	}
	if known.Bare {
		typed := known.Number
		if known.Signless {
			typed = -typed
		}
		codes := exitCodesNumbered(strconv.FormatInt(typed, 10), "")
		if explained = append(explained, codes...); known.Signless && len(codes) > 0 {
			return explained, unknown
		}
	}
	var inside []outerError
	for _, one := range chain {
		if one.Depth <= known.Depth && (one.Domain != known.Domain || one.Number != known.Number) && !one.Bare &&
			one.Domain != errorcode.ExitCode {
			outer := outerError{Program: string(one.Domain), Code: numberOf(one.Code), Name: one.Name,
				Admin: one.Meaning()}
			if known.Advice == "" {
				// The inner error only says what broke.
				outer.Admin = strings.TrimSpace(outer.Admin + " " + one.Advice)
			}
			inside = append(inside, outer)
		}
	}
	for _, one := range chain {
		if one.Known && one.Depth == known.Depth &&
			(one.Domain == known.Domain && one.Number == known.Number || one.Bare && known.Bare) {
			explanation := explainErrorCode(one.Code)
			explanation.Inside = inside
			explained = append(explained, explanation)
		}
	}
	return explained, unknown
}

// exitCodesNumbered returns the exit codes with a number, of one program or of all.
func exitCodesNumbered(number, program string) (found []explanation) {
	for _, one := range exitCodeExplanations() {
		if strconv.FormatInt(*one.Code, 10) == number && (program == "" || one.Program == program) {
			found = append(found, one)
		}
	}
	return found
}

// namesIn explains the words of a text that are names of usher's or of Microsoft's exit codes, for example
// registrationDeviceCapError or TENANT_MISMATCH. A name that is also an English word must be written as usher writes
// it: PENDING.
func namesIn(text string) (found []explanation) {
	if len(text) > longestForNames {
		return nil
	}
	all := slices.Concat(exitCodeExplanations(), namedExplanations())
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool {
		return r != '_' && r != '-' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	}) {
		word = strings.Trim(word, "-_")
		isWord := len(word) < 8 || !strings.Contains(word, "_") && strings.ToLower(word[1:]) == word[1:]
		for _, one := range all {
			if isWord && one.Kind == kindState && one.Name == word || !isWord && sameName(one.Name, word) {
				found = append(found, one)
			}
		}
	}
	return found
}
