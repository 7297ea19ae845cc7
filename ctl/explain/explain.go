// Package explain explains exit codes, error codes, states, reasons, events and lines of a log. It does not ask usherd.
package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/errorcode"
	"usher.internal/internal/event"
	"usher.internal/internal/wpj"
)

// commands are the commands of this package, with what they need.
type commands struct{ *answer.Printer }

// explanation is the meaning of one thing, as --json prints it.
type explanation struct {
	// Code is the number of an exit code or error code; for a reason, the exit code that goes with it. It is absent if
	// there is no number.
	Code *int64 `json:"code,omitempty"`
	Name string `json:"name"`
	// Program owns the exit code or error code; it is "usher" for names of usher.
	Program string          `json:"program"`
	Kind    explanationKind `json:"kind"`
	// Admin and User say what it means and what to do, one for each reader.
	Admin string `json:"admin"`
	User  string `json:"user"`
	// Inside are the errors around the explained one, the outermost first.
	Inside []outerError `json:"inside,omitempty"`
	// RetryCanHelp says of an exit code or a reason whether trying again can help by itself.
	RetryCanHelp *bool `json:"retry_can_help,omitempty"`
	// Phase and Class are those of an event.
	Phase event.Phase `json:"phase,omitempty"`
	Class event.Class `json:"class,omitempty"`
	// Source is the source of the fact, for things that usher did not make.
	Source string `json:"source,omitempty"`
}

// outerError is an error that contains another one.
type outerError struct {
	Code    *int64 `json:"code,omitempty"`
	Name    string `json:"name"`
	Program string `json:"program"`
	Admin   string `json:"admin"`
}

// explanationKind is the kind of the explained thing.
type explanationKind string

const (
	kindExitCode  explanationKind = "exit code"
	kindErrorCode explanationKind = "error code"
	// kindUnknownCode is an error code that usher does not know.
	kindUnknownCode explanationKind = "unknown code"
	// kindUnknownName is a name that usher does not know, among several arguments.
	kindUnknownName explanationKind = "unknown name"
	kindState       explanationKind = "state"
	kindReason      explanationKind = "reason"
	kindEvent       explanationKind = "event"
)

// The reasons of a failure to explain something.
const (
	reasonExitCodeNotKnown = "EXIT_CODE_NOT_KNOWN"
	reasonNothingKnown     = "NOTHING_KNOWN"
)

func number(n int64) *int64 { return &n }

// exitCodeExplanations returns all exit codes: Company Portal's, which usherctl passes on, and usherctl's own.
func exitCodeExplanations() (all []explanation) {
	for _, info := range wpj.ExitCodes() {
		all = append(all, explanation{Code: number(int64(info.Code)), Name: info.Name, Program: "Company Portal",
			Kind:  kindExitCode,
			Admin: info.Admin, User: info.User, RetryCanHelp: &info.RetryCanHelp, Source: "SEED"})
	}
	for _, own := range answer.ExitCodes {
		if own.Code != answer.ExitPortalDefaultError {
			all = append(all, explanation{Code: number(int64(own.Code)), Name: own.Name, Program: "usherctl",
				Kind:  kindExitCode,
				Admin: own.Meaning + "; what a policy does: " + own.Policy, RetryCanHelp: &own.Retry})
		}
	}
	return all
}

// namedExplanations returns everything that has a name in usher: states, reasons and events.
func namedExplanations() (all []explanation) {
	for _, info := range wpj.States() {
		text := strings.TrimSpace(info.Meaning + " " + info.Fix)
		if info.Command != "" {
			text += " Command: `" + info.Command + "`."
		}
		all = append(all, explanation{Name: string(info.State), Program: "usher", Kind: kindState, Admin: text})
	}
	for _, one := range reasonMeanings() {
		all = append(all, one.explain())
	}
	for _, known := range event.All() {
		all = append(all, explainEvent(&known))
	}
	return all
}

// numberOf returns the number of an error code, or nil if it has only a name.
func numberOf(c errorcode.Code) *int64 {
	if !c.Numbered() {
		return nil
	}
	return number(c.Number)
}

func explainErrorCode(c errorcode.Code) explanation {
	return explanation{Code: numberOf(c), Name: c.Name, Program: string(c.Domain), Kind: kindErrorCode,
		Admin: strings.TrimSpace(c.Meaning() + " " + c.Advice), Source: c.Source}
}

// explainUnknown says that usher does not know a code, and where it may be explained.
func explainUnknown(c errorcode.Code) explanation {
	return explanation{Code: number(c.Number), Program: string(c.Domain), Kind: kindUnknownCode,
		Admin: strings.TrimSpace("usher does not know " + c.Written() + ". " + whoKnows(c))}
}

// whoKnows says where a code that usher does not know is explained, or "" if no place is known.
func whoKnows(c errorcode.Code) string {
	if c.Domain != errorcode.Entra {
		return ""
	}
	// [https://learn.microsoft.com/entra/identity-platform/reference-error-codes]
	return fmt.Sprintf("Microsoft explains it at https://login.microsoftonline.com/error?code=%d", c.Number)
}

func explainEvent(known *event.Known) explanation {
	text := known.Title() + "."
	if title := known.Phase.Info().Title(); title != "" {
		text += " Phase: " + title + "."
	}
	return explanation{Name: known.Name, Program: "usher", Kind: kindEvent,
		Admin: strings.TrimSpace(text + " " + known.Advice),
		Phase: known.Phase, Class: known.Class, Source: known.Source}
}

// Command returns `usherctl explain`.
func Command(printer *answer.Printer) *cobra.Command {
	c := commands{printer}
	return &cobra.Command{
		Use:         "explain [CODE|NAME|TEXT]...",
		Short:       "Explain exit codes, error codes, states, reasons, events, or a line of a log",
		Annotations: map[string]string{ReadsText: "yes"},
		Long: `Explain what something means and what to do about it, without asking usherd:

  - an exit code of Company Portal or usherctl
  - an error code of the Workplace Join SDK, MSAL, the SSO extension, Platform SSO, Intune, the keychain and code
    signatures (OSStatus, in decimal or hexadecimal), the network (NSURLErrorDomain) or Entra (AADSTS)
  - a state of status, a reason of a failure, an event of timeline

by its number or name, or a part of an error's name. Several are explained in one call. A negative number needs no
quotes. A domain beside a number, before or behind it, decides whose number it is; a number without a domain is
explained for every domain that has it, the most likely first.

Anything else is taken as text: lines of a log, or the title of an issue. The events and codes in it are explained. Of
nested errors, usher explains the deepest that it knows, and names the deepest that it does not know. "-" reads the
text from standard input. Without an argument it lists the exit codes.`,
		Example: `  usherctl explain 66
  usherctl explain -25308
  usherctl explain -25244 -25308
  usherctl explain MSALErrorDomain -50001
  usherctl explain 0x80180014
  usherctl explain AADSTS53003
  usherctl explain not-registered
  usherctl explain 'Company Portal login fails with error -25244 on macOS 15'
  usherctl explain 'ERROR: [errorCode:-400] failed to delete workplace join item, error code:-25244'
  usherctl explain "$(tail -1 Company\ Portal.log)"
  pbpaste | usherctl explain -`,
		RunE: func(command *cobra.Command, arguments []string) error {
			if len(arguments) == 0 {
				return c.explainAll()
			}
			query, err := explainQuery(command.Context(), arguments, command.InOrStdin())
			if err != nil {
				return err
			}
			found, unknown := explain(query)
			if areNamesAndNumbers(arguments) || len(found) == 0 && len(unknown) == 0 && len(arguments) > 1 {
				found, unknown = explainEach(arguments)
			}
			if len(found) == 0 {
				return notExplained(query, unknown)
			}
			if c.JSON {
				return c.Print(found)
			}
			for i, one := range found {
				if i > 0 {
					fmt.Fprintln(c.Out)
				}
				c.printExplanation(one)
			}
			return nil
		},
	}
}

func (c commands) printExplanation(one explanation) {
	// The errors around it come first, as they do in the text.
	for _, outer := range one.Inside {
		name := outer.Program
		if outer.Code != nil {
			name += " " + asWritten(outer.Program, *outer.Code)
		}
		fmt.Fprintln(c.Out, terminal.Plain(
			strings.TrimSpace(name+" "+outer.Name)+": "+cmp.Or(outer.Admin, "not known")))
	}
	switch {
	case one.Kind == kindExitCode:
		fmt.Fprintf(c.Out, "%d %s (%s)\n", *one.Code, one.Name, one.Program)
	case one.Kind == kindUnknownCode:
		fmt.Fprintln(c.Out, terminal.Plain(
			strings.TrimSpace(one.Program+" "+asWritten(one.Program, *one.Code))+" (not known)"))
	case one.Kind == kindUnknownName:
		fmt.Fprintln(c.Out, terminal.Plain(one.Name)+" (not known)")
	case one.Kind == kindErrorCode && one.Code != nil:
		fmt.Fprintf(c.Out, "%s %s %s\n", one.Program, asWritten(one.Program, *one.Code), one.Name)
	case one.Kind == kindErrorCode:
		fmt.Fprintf(c.Out, "%s (%s)\n", one.Name, one.Program)
	default:
		fmt.Fprintf(c.Out, "%s (%s)\n", one.Name, one.Kind)
	}
	c.Field("admin", one.Admin)
	c.Field("user", one.User)
	if one.RetryCanHelp != nil {
		c.Field("trying again", map[bool]string{true: "can help", false: "cannot help by itself"}[*one.RetryCanHelp])
	}
	c.Field("source", one.Source)
}

// asWritten returns a number as its domain writes it.
func asWritten(program string, number int64) string {
	if domain := errorcode.Domain(program); domain == errorcode.HRESULT || domain == "" {
		return errorcode.Code{Domain: domain, Number: number}.Written()
	}
	return strconv.FormatInt(number, 10)
}

// explain returns everything that a query can mean: for a number or name, each thing that has it; for a text, each
// thing in it. unknown are the codes in it that usher does not know.
func explain(query string) (found []explanation, unknown []errorcode.Code) {
	if len(query) > longestForNames {
		return explainText(query)
	}
	number, err := strconv.ParseInt(query, 0, 64)
	isNumber := err == nil
	for _, one := range exitCodeExplanations() {
		if isNumber && *one.Code == number || sameName(one.Name, query) {
			found = append(found, one)
		}
	}
	for _, one := range namedExplanations() {
		if sameName(one.Name, query) {
			found = append(found, one)
		}
	}
	for _, known := range event.All() {
		if slices.ContainsFunc(known.Signs,
			func(sign event.Sign) bool { return sign.Event != "" && sameName(sign.Event, query) }) {
			found = append(found, explainEvent(&known))
		}
	}
	nothingElse := len(found) == 0
	for _, c := range errorcode.Find(query) {
		// A number without its sign is taken for an error code only if it means nothing else.
		if !isNumber || c.Number == number || number > 1<<31 || number < -1<<24 || nothingElse {
			found = append(found, explainErrorCode(c))
		}
	}
	if state, ok := strings.CutPrefix(query, "IDENTITY_"); ok && len(found) == 0 {
		return explain(state)
	}
	if len(found) > 0 {
		return found, nil
	}
	return explainText(query)
}

// sameName compares names as people type them: NOT_REGISTERED equals not-registered and "not registered".
func sameName(name, query string) bool { return plainName(name) == plainName(query) }

var underscores = strings.NewReplacer("-", "_", " ", "_")

func plainName(name string) string { return strings.ToLower(underscores.Replace(name)) }

// notExplained is the failure of a query that matches nothing, with similar names. unknown are the codes in it.
func notExplained(query string, unknown []errorcode.Code) error {
	failed := &answer.Failure{Code: answer.ExitNotFound, Reason: reasonNothingKnown,
		Message: fmt.Sprintf("nothing that usher knows is called %q, and nothing in it is known", shortened(query)),
		Hint:    "`usherctl explain` lists the exit codes, docs/log-formats.md the events"}
	var codes []string
	for _, c := range unknown {
		codes = append(codes, c.Written())
	}
	switch {
	case len(unknown) == 1 && unknown[0].Domain == "":
		failed.Reason = reasonExitCodeNotKnown
		failed.Message = codes[0] + " is not an exit code that Company Portal or usherctl is known to have, nor an " +
			"error code that usher knows"
	case len(unknown) == 1:
		failed.Reason = reasonExitCodeNotKnown
		failed.Message = codes[0] + " is not a code that usher knows"
	case len(unknown) > 1:
		failed.Reason = reasonExitCodeNotKnown
		failed.Message = strings.Join(codes, ", ") + " are not codes that usher knows"
	}
	if near := nearNames(query); len(near) > 0 {
		failed.Hint = "did you mean " + strings.Join(near, ", ") + "?"
	}
	for _, c := range unknown {
		if hint := whoKnows(c); hint != "" {
			failed.Hint = hint
		}
	}
	return failed
}

// shortened returns the beginning of a text, for a message.
func shortened(text string) string {
	const longest = 80
	runes := []rune(text)
	if len(runes) <= longest {
		return text
	}
	return string(runes[:longest]) + "…"
}

func (c commands) explainAll() error {
	all := exitCodeExplanations()
	if c.JSON {
		return c.Print(all)
	}
	var rows [][]string
	for _, one := range all {
		rows = append(rows, []string{strconv.FormatInt(*one.Code, 10), one.Program, one.Name, one.Admin})
	}
	c.Table([]string{"CODE", "OF", "NAME", "MEANING"}, rows)
	return nil
}
