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

// What an agent may say: more checks than this are cut off, and longer texts.
const (
	maximumSessionChecks = 16
	longestName          = 48
	longestTitle         = 80
)

// users looks at those who are logged in.
type users struct {
	sessions  Sessions
	atConsole func() (accounts.User, bool)
	kept      Kept
	sees      func(uid uint32) bool
}

// visible returns the sessions that may be looked at; none where nothing is known of sessions.
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

// connected has one outcome for each session: a session is its connection. Each user who is at this Mac must have one.
func (u users) connected(context.Context) ([]Outcome, error) {
	if u.sessions == nil {
		return []Outcome{notApplicable("No sessions are served.")}, nil
	}
	var found []Outcome
	for _, session := range u.visible() {
		one := ok("Agent %s, pid %d, is connected since %s.", session.AgentVersion, session.AgentPID,
			session.ConnectedAt.UTC().Format(time.RFC3339))
		one.User = session.User
		found = append(found, one)
	}
	if person, there := u.atConsole(); there && (u.sees == nil || u.sees(person.UID)) &&
		!slices.ContainsFunc(found, func(one Outcome) bool { return one.User.UID == person.UID }) {
		one := failed("This user is on the console, and no usher-agent of his is connected.")
		one.User = person
		one.Fix = "Have launchd (macOS) or systemd start usher-agent for this user, and see its log; it " +
			"starts at login."
		found = append(found, one)
	}
	if len(found) == 0 {
		found = append(found, warning("No usher-agent is connected, of the users whom you may see."))
	}
	return found, nil
}

// examined has what each agent says of its session, side by side.
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

// examineSession asks one agent. What it says is a claim of that user about himself, and is shown as such.
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

// claim is a check of an agent's, bounded and on one line.
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

// kebab makes a name of lower-case letters, digits and single hyphens out of any text.
func kebab(text string) string {
	name := kebabOf(text)
	return strings.Trim(name[:min(len(name), longestName)], "-")
}

// kebabOf is kebab of a text that is not a stranger's, in full.
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
