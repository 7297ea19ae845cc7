package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"usher.internal/internal/applog"
	"usher.internal/internal/errorcode"
	"usher.internal/internal/event"
	"usher.internal/internal/wpj"
)

// explanation is what something means, as --json prints it.
type explanation struct {
	// Code is the number of an exit code or error code, for a reason the exit code that goes with it; not there for what has
	// no number.
	Code *int64 `json:"code,omitempty"`
	Name string `json:"name"`
	// Program is whose exit code it is, or whose error code, "usher" for what usher has a name for itself.
	Program string          `json:"program"`
	Kind    explanationKind `json:"kind"`
	// Admin and User are what it means and what to do, for each of them.
	Admin string `json:"admin"`
	User  string `json:"user"`
	// RetryCanHelp says of an exit code or a reason whether trying again can help by itself.
	RetryCanHelp *bool `json:"retry_can_help,omitempty"`
	// Phase and Class are those of an event.
	Phase event.Phase `json:"phase,omitempty"`
	Class event.Class `json:"class,omitempty"`
	// Source is where the fact stands, for what others than usher have made.
	Source string `json:"source,omitempty"`
}

// explanationKind is what is explained.
type explanationKind string

const (
	kindExitCode  explanationKind = "exit code"
	kindErrorCode explanationKind = "error code"
	kindState     explanationKind = "state"
	kindReason    explanationKind = "reason"
	kindEvent     explanationKind = "event"
)

// The reasons of a failure to explain something.
const (
	reasonExitCodeNotKnown = "EXIT_CODE_NOT_KNOWN"
	reasonNothingKnown     = "NOTHING_KNOWN"
)

func number(n int64) *int64 { return &n }

// exitCodeExplanations returns all exit codes: Company Portal's, which usherctl hands on, and usherctl's own.
func exitCodeExplanations() (all []explanation) {
	for _, info := range wpj.ExitCodes() {
		all = append(all, explanation{Code: number(int64(info.Code)), Name: info.Name, Program: "Company Portal", Kind: kindExitCode,
			Admin: info.Admin, User: info.User, RetryCanHelp: &info.RetryCanHelp, Source: "SEED"})
	}
	for _, own := range exitCodes {
		if own.code != exitPortalDefaultError {
			all = append(all, explanation{Code: number(int64(own.code)), Name: own.name, Program: "usherctl", Kind: kindExitCode,
				Admin: own.meaning + "; what a policy does: " + own.policy, RetryCanHelp: &own.retry})
		}
	}
	return all
}

// namedExplanations returns everything that has a name of usher's: states, reasons and events.
func namedExplanations() (all []explanation) {
	for _, info := range wpj.States() {
		text := strings.TrimSpace(info.Meaning + " " + info.Fix)
		if info.Command != "" {
			text += " Command: " + info.Command + "."
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

func explainErrorCode(c errorcode.Code) explanation {
	return explanation{Code: number(c.Number), Name: c.Name, Program: string(c.Domain), Kind: kindErrorCode,
		Admin: strings.TrimSpace(c.Meaning + " " + c.Advice), Source: c.Source}
}

func explainEvent(known *event.Known) explanation {
	text := known.Title + "."
	if title := known.Phase.Info().Title; title != "" {
		text += " Phase: " + title + "."
	}
	return explanation{Name: known.Name, Program: "usher", Kind: kindEvent, Admin: strings.TrimSpace(text + " " + known.Advice),
		Phase: known.Phase, Class: known.Class, Source: known.Source}
}

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain [CODE|NAME|TEXT]",
		Short: "Explain exit codes, error codes, states, reasons, events, or a line of a log",
		Long: `Explain what something means and what to do about it, without asking usherd:

  - an exit code of Company Portal or usherctl
  - an error code of the Workplace Join SDK, MSAL, the SSO extension, the keychain and code signatures (OSStatus, in
    decimal or hexadecimal), the network (NSURLErrorDomain) or Entra (AADSTS)
  - a state of status, a reason of a failure, an event of timeline

by its number or name, or a part of an error's name. A number that several have is explained for each of them. Anything
else is taken as a line of a log, and the events and codes that stand in it are explained. Without an argument it
lists the exit codes.`,
		Example: `  usherctl explain 66
  usherctl explain -25308
  usherctl explain 0xFFFF9D24
  usherctl explain AADSTS53003
  usherctl explain not-registered
  usherctl explain 'ERROR: [errorCode:-400] failed to delete workplace join item, error code:-25244'
  usherctl explain "$(tail -1 Company\ Portal.log)"`,
		RunE: func(_ *cobra.Command, arguments []string) error {
			if len(arguments) == 0 {
				return a.explainAll()
			}
			query := strings.TrimSpace(strings.Join(arguments, " "))
			found := explain(query)
			if len(found) == 0 {
				return notExplained(query)
			}
			if a.json {
				return a.printValue(found)
			}
			for i, one := range found {
				if i > 0 {
					fmt.Fprintln(a.stdout)
				}
				a.printExplanation(one)
			}
			return nil
		},
	}
}

func (a *app) printExplanation(one explanation) {
	switch one.Kind {
	case kindExitCode:
		fmt.Fprintf(a.stdout, "%d %s (%s)\n", *one.Code, one.Name, one.Program)
	case kindErrorCode:
		fmt.Fprintf(a.stdout, "%s %d %s\n", one.Program, *one.Code, one.Name)
	default:
		fmt.Fprintf(a.stdout, "%s (%s)\n", one.Name, one.Kind)
	}
	field(a.stdout, "admin", one.Admin)
	field(a.stdout, "user", one.User)
	if one.RetryCanHelp != nil {
		field(a.stdout, "trying again", map[bool]string{true: "can help", false: "cannot help by itself"}[*one.RetryCanHelp])
	}
}

// explain returns everything that a query can mean: a number or name all that have it, a line of a log what stands in it.
func explain(query string) (found []explanation) {
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
		if slices.ContainsFunc(known.Signs, func(sign event.Sign) bool { return sign.Event != "" && sameName(sign.Event, query) }) {
			found = append(found, explainEvent(&known))
		}
	}
	nothingElse := len(found) == 0
	for _, c := range errorcode.Find(query) {
		// A number without its sign is that of an error code only if it is nothing else.
		if !isNumber || c.Number == number || number > 1<<31 || nothingElse {
			found = append(found, explainErrorCode(c))
		}
	}
	if state, ok := strings.CutPrefix(query, "IDENTITY_"); ok && len(found) == 0 {
		return explain(state)
	}
	if len(found) > 0 || isNumber {
		return found
	}
	return explainText(query)
}

// sameName compares names as they are typed: NOT_REGISTERED is not-registered, and "not registered".
func sameName(name, query string) bool { return plainName(name) == plainName(query) }

var underscores = strings.NewReplacer("-", "_", " ", "_")

func plainName(name string) string { return strings.ToLower(underscores.Replace(name)) }

// explainText explains the events and codes that stand in lines of a log, or in a message of one, each once.
func explainText(text string) (found []explanation) {
	add := func(one explanation) {
		if !slices.ContainsFunc(found, func(other explanation) bool {
			return other.Kind == one.Kind && other.Name == one.Name && other.Program == one.Program
		}) {
			found = append(found, one)
		}
	}
	// An error that usher does not know is worth a word only where its codes say nothing either.
	var unexplained []explanation
	for record, err := range applog.Read(strings.NewReader(text), applog.Options{}) {
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
			// The exit code stands in the entry [SEED].
			for _, one := range exitCodeExplanations() {
				if one.Program == "Company Portal" && strconv.FormatInt(*one.Code, 10) == record.Fields.Get("resultData") {
					add(one)
				}
			}
		}
	}
	for _, code := range errorcode.InText(text) {
		if code.Known {
			add(explainErrorCode(code.Code))
		}
	}
	if len(found) == 0 {
		return unexplained[:min(len(unexplained), 1)]
	}
	return found
}

// notExplained is the failure of a query that nothing fits, with what may have been meant.
func notExplained(query string) error {
	failed := &failure{code: exitNotFound, reason: reasonNothingKnown,
		message: fmt.Sprintf("nothing that usher knows is called %q, and nothing in it is known", query),
		hint:    "`usherctl explain` lists the exit codes, docs/log-formats.md the events"}
	if _, err := strconv.ParseInt(query, 0, 64); err == nil {
		failed.reason = reasonExitCodeNotKnown
		failed.message = query + " is not an exit code that Company Portal or usherctl is known to have, nor an error code that usher knows"
	}
	if near := nearNames(query); len(near) > 0 {
		failed.hint = "did you mean " + strings.Join(near, ", ") + "?"
	}
	for _, unknown := range errorcode.InText(strings.ToUpper(query)) {
		if unknown.Domain == errorcode.Entra {
			// [https://learn.microsoft.com/entra/identity-platform/reference-error-codes]
			failed.hint = fmt.Sprintf("Microsoft explains it at https://login.microsoftonline.com/error?code=%d", unknown.Number)
		}
	}
	return failed
}

// separateNumbers puts negative numbers behind the flags, since an error code is no flag.
func separateNumbers(arguments []string) []string {
	if !slices.Contains(arguments, "explain") || slices.Contains(arguments, "--") {
		return arguments
	}
	var numbers, others []string
	for _, argument := range arguments {
		if _, err := strconv.ParseInt(argument, 10, 64); err == nil && strings.HasPrefix(argument, "-") {
			numbers = append(numbers, argument)
		} else {
			others = append(others, argument)
		}
	}
	if len(numbers) == 0 {
		return arguments
	}
	return slices.Concat(others, []string{"--"}, numbers)
}

func (a *app) explainAll() error {
	all := exitCodeExplanations()
	if a.json {
		return a.printValue(all)
	}
	var rows [][]string
	for _, one := range all {
		rows = append(rows, []string{strconv.FormatInt(*one.Code, 10), one.Program, one.Name, one.Admin})
	}
	a.table([]string{"CODE", "OF", "NAME", "MEANING"}, rows)
	return nil
}
