package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/status"

	"usher.internal/helper/sessions"
	"usher.internal/internal/accounts"
	"usher.internal/internal/contract"
	"usher.internal/internal/oneline"
	usherv1 "usher.internal/proto/usher/v1"
)

// Limits for the checks of an agent: more checks, and longer texts, are cut off.
const (
	maximumSessionChecks = 16
	longestName          = 48
	longestTitle         = 80
)

// users examines the logged-in users.
type users struct {
	sessions  Sessions
	atConsole func() (accounts.User, bool)
	kept      Kept
	sees      func(uid uint32) bool
}

// visible returns the sessions that may be examined; none if sessions are not known.
func (u users) visible() []sessions.Session {
	if u.sessions == nil {
		return nil
	}
	var visible []sessions.Session
	for _, session := range u.sessions.List() {
		if u.sees == nil || u.sees(session.User.UID) {
			visible = append(visible, session)
		}
	}
	return visible
}

// connected returns one outcome for each session: a session is its connection. The user on the console must have one.
func (u users) connected(context.Context) ([]Outcome, error) {
	if u.sessions == nil {
		return []Outcome{notApplicable("No sessions are served.")}, nil
	}
	var found []Outcome
	for _, session := range u.visible() {
		one := ok("Agent %s, pid %d, has been connected since %s.", session.AgentVersion, session.AgentPID,
			session.ConnectedAt.UTC().Format(time.RFC3339))
		one.User = session.User
		found = append(found, one)
	}
	if person, there := u.atConsole(); there && (u.sees == nil || u.sees(person.UID)) &&
		!slices.ContainsFunc(found, func(one Outcome) bool { return one.User.UID == person.UID }) {
		one := failed("This user is on the console, but their usher-agent is not connected.")
		one.User = person
		one.Fix = "Have launchd (macOS) or systemd start usher-agent for this user, and check its log; it " +
			"starts at login."
		found = append(found, one)
	}
	if len(found) == 0 {
		found = append(found, warning("No usher-agent of a user whom you may see is connected."))
	}
	return found, nil
}

// examined returns each agent's checks of its session, side by side.
func (u users) examined(ctx context.Context) ([]Outcome, error) {
	visible := u.visible()
	if len(visible) == 0 {
		return []Outcome{notApplicable("No agent is connected.")}, nil
	}
	said := make([][]Outcome, len(visible))
	var asked sync.WaitGroup
	for i, session := range visible {
		asked.Go(func() { said[i] = u.examineSession(ctx, session) })
	}
	asked.Wait()
	var found []Outcome
	for _, one := range said {
		found = append(found, one...)
	}
	return found, nil
}

// examineSession asks one agent. The answer is a claim of that user about themselves, and is shown as such.
func (u users) examineSession(ctx context.Context, session sessions.Session) []Outcome {
	request := &usherv1.ExamineSessionRequest{}
	if u.kept != nil {
		leave, err := u.kept.LeavesLoginKeychain(session.User.UID)
		request.LeaveLoginKeychain = leave || err != nil
	}
	response, err := session.Agent.ExamineSession(ctx, request)
	checks := response.GetChecks()
	var found []Outcome
	switch {
	case err != nil && ctx.Err() != nil:
		found = append(found, couldNotLook(context.Cause(ctx)))
	case contract.Reason(err) == usherv1.ErrorReason_ERROR_REASON_AGENT_OUTDATED:
		one := warning("%s.", status.Convert(err).Message())
		one.Fix = "Have the user " + contract.Metadata(err)[contract.Fix] + "."
		found = append(found, one)
	case err != nil:
		found = append(found, couldNotLook(
			fmt.Errorf("the agent does not say: %s", oneline.Of(err.Error(), longestSaid))))
	case len(checks) == 0:
		found = append(found, couldNotLook(fmt.Errorf("the agent made no checks")))
	}
	for _, check := range checks[:min(len(checks), maximumSessionChecks)] {
		found = append(found, claim(check))
	}
	for i := range found {
		found[i].User = session.User
	}
	return found
}

// claim converts a check from an agent, on one line of limited length.
func claim(check *usherv1.Check) Outcome {
	return Outcome{
		Name:     "session-" + kebab(check.GetName()),
		Title:    oneline.Of(check.GetTitle(), longestTitle),
		Result:   resultFrom(check.GetResult()),
		Evidence: oneline.Of(check.GetEvidence(), longestSaid),
		Fix:      oneline.Of(check.GetFix(), longestSaid),
		claimed:  true,
	}
}

// resultFrom makes a warning of a result that this helper does not know.
func resultFrom(result usherv1.CheckResult) Result {
	switch result {
	case usherv1.CheckResult_CHECK_RESULT_NOT_APPLICABLE:
		return NotApplicable
	case usherv1.CheckResult_CHECK_RESULT_OK:
		return OK
	case usherv1.CheckResult_CHECK_RESULT_FAILED:
		return Failed
	}
	return Warning
}

// kebab converts any text to a name of lower-case letters, digits and single hyphens.
func kebab(text string) string {
	name := kebabOf(text)
	return strings.Trim(name[:min(len(name), longestName)], "-")
}

// kebabOf is kebab for a trusted text, without a limit.
func kebabOf(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(letter rune) bool {
		return (letter < 'a' || letter > 'z') && (letter < '0' || letter > '9')
	})
	name := strings.Join(words, "-")
	if name == "" {
		return "unnamed"
	}
	return name
}
