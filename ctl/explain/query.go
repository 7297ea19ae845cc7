package explain

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/interruptible"
	"usher.internal/internal/errorcode"
)

// ReadsText marks a command whose arguments are text that may begin with a negative number.
const ReadsText = "reads-text"

// longestQuery is how much of standard input is read.
const longestQuery = 1 << 20

// explainQuery returns the query: the arguments, with standard input in place of an argument "-".
func explainQuery(ctx context.Context, arguments []string, stdin io.Reader) (string, error) {
	stdin, release, err := interruptible.Input(ctx, stdin)
	if err != nil {
		return "", answer.Defect(err)
	}
	defer release()
	parts := slices.Clone(arguments)
	for i, argument := range parts {
		if argument != "-" {
			continue
		}
		// Windows' editors and PowerShell save UTF-16 with a byte order mark.
		decoded := transform.NewReader(stdin, unicode.BOMOverride(transform.Nop))
		text, err := io.ReadAll(io.LimitReader(decoded, longestQuery+1))
		switch {
		case ctx.Err() != nil:
			return "", answer.Explained(context.Cause(ctx))
		case err != nil:
			return "", &answer.Failure{Code: answer.ExitUsage, Reason: "FILE_NOT_READABLE",
				Message: "read standard input: " + err.Error()}
		case len(text) > longestQuery:
			return "", &answer.Failure{Code: answer.ExitUsage, Reason: "FILE_NOT_READABLE",
				Message: "standard input has more than 1 MiB",
				Hint:    "`usherctl timeline` reads whole logs"}
		}
		parts[i] = string(text)
	}
	query := strings.TrimSpace(strings.Join(parts, " "))
	if query == "" {
		return "", errors.New("there is nothing to explain: the text is empty")
	}
	return query, nil
}

// areNamesAndNumbers reports whether each of several arguments means something by itself, as in "not-registered 66
// -25308". That is a name of usher that is not an English word, or a number beside such a name.
func areNamesAndNumbers(arguments []string) bool {
	names := 0
	for _, argument := range arguments {
		argument = strings.TrimSpace(argument)
		_, err := strconv.ParseInt(argument, 0, 64)
		switch {
		case err == nil:
		case slices.ContainsFunc(slices.Concat(exitCodeExplanations(), namedExplanations()),
			func(one explanation) bool {
				return one.Name == argument && one.Kind == kindState ||
					strings.ContainsAny(argument, "-_") && sameName(one.Name, argument)
			}):
			names++
		default:
			return false
		}
	}
	return names > 0 && len(arguments) > 1
}

// explainEach explains each argument by itself. unknown are the codes that usher does not know. If found has anything
// else, it also has those codes, and the names that usher does not know.
func explainEach(arguments []string) (found []explanation, unknown []errorcode.Code) {
	var names []string
	for _, argument := range arguments {
		argument = strings.TrimSpace(argument)
		one, notKnown := explain(argument)
		found, unknown = appendNew(found, one...), append(unknown, notKnown...)
		if len(one) == 0 && len(notKnown) == 0 {
			names = append(names, argument)
		}
	}
	// If unknown names outnumber the other arguments, the query is a text.
	if len(found) == 0 || len(names) > len(arguments)-len(names) {
		return nil, unknown
	}
	for _, code := range unknown {
		found = appendNew(found, explainUnknown(code))
	}
	for _, name := range names {
		found = appendNew(found, explanation{Name: name, Program: "usher", Kind: kindUnknownName,
			Admin: "usher does not know this name."})
	}
	return found, unknown
}
