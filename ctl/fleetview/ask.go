package fleetview

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
	"google.golang.org/protobuf/proto"

	"usher.internal/internal/backoff"
	"usher.internal/internal/contract"
	"usher.internal/internal/fleet"
	"usher.internal/internal/notice"
	"usher.internal/internal/oneline"
	usherv1 "usher.internal/proto/usher/v1"
)

const (
	// quietFor is how long the fleet must be quiet after everybody who is known has answered. Then the answers are
	// complete; a Mac may be new.
	quietFor = 200 * time.Millisecond
	// askedAgain is how many silent Macs are asked again one by one: their server may have been lost with the question.
	askedAgain = 2000
	// leastSkew is the smallest error of a Mac's clock that is reported.
	leastSkew = 2 * time.Minute
	// longestText is how much of a Mac's text is shown.
	longestText = 300
	// instancesKept is how many Macs of one name are counted.
	instancesKept = 16
)

// Question is a question to a fleet.
type Question struct {
	// Timeout limits the wait for answers; Ask returns earlier when they are complete. Before that, it reads the last
	// known states, which may take as long again.
	Timeout time.Duration
	// Progress, if not nil, is called with the number of Macs that have answered and the number that are known; 0 if
	// that is not known.
	Progress func(answered, known int)
	// Mac is the one that is asked; empty asks all.
	Mac string
}

// Ask asks every Mac, or one. It returns the state of each Mac that has answered or is known from before. If the last
// known states cannot be read, the report has a warning.
func (c *Client) Ask(ctx context.Context, question Question) (*Report, error) {
	asked := &asking{
		client: c, question: question, query: nuid.Next(),
		macs: make(map[string]*answers), news: notice.NewSignal(),
	}
	return asked.run(ctx)
}

// asking is one question under way.
type asking struct {
	client   *Client
	question Question
	query    string
	began    time.Time
	news     notice.Signal

	// known are the known Macs. If they could not be read, it is nil, and warning says so.
	known   map[string]*known
	warning string

	mu   sync.Mutex
	macs map[string]*answers
	// missing is how many of the known Macs have not answered.
	missing int
}

// answers are the answers of one Mac.
type answers struct {
	status  *usherv1.MacStatus
	at      time.Time
	garbage string
	// instances are the Macs that answered under this name.
	instances []string
	forged    string
}

// known is the last message that the Mac published.
type known struct {
	change  *usherv1.StatusChange
	at      time.Time
	garbage bool
}

// run first reads which Macs are known, and then asks. Reading during the answers, of which there are as many, would be
// slow; reading after them could be lost with a server.
func (a *asking) run(ctx context.Context) (*Report, error) {
	answers, _ := fleet.AnswerOf(a.query, "*")
	subscription, err := a.client.conn.Subscribe(answers, a.take)
	if err != nil {
		return nil, fmt.Errorf("wait for answers: %w", err)
	}
	defer subscription.Unsubscribe()
	if err := subscription.SetPendingLimits(-1, -1); err != nil {
		return nil, fmt.Errorf("wait for answers: %w", err)
	}
	if err := a.readKnown(ctx); err != nil {
		return nil, err
	}
	a.began = time.Now()
	if err := a.publish(a.subject()); err != nil && a.client.conn.IsConnected() {
		return nil, err
	}
	if err := a.wait(ctx); err != nil {
		return nil, err
	}
	return a.report(), nil
}

// readKnown reads the last known states. If that fails, it sets the warning. It returns only ctx's error.
func (a *asking) readKnown(ctx context.Context) (err error) {
	reading, cancel := context.WithTimeout(ctx, a.question.Timeout)
	defer cancel()
	a.known, err = a.client.known(reading, a.question.Mac)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		a.warning = "The last known states could not be read, so that Macs which are silent are missing: " +
			strings.TrimPrefix(err.Error(), "nats: ") + "."
	}
	a.missing = len(a.known)
	a.notify()
	return nil
}

func (a *asking) subject() string {
	if a.question.Mac != "" {
		return fleet.StatusOf(a.question.Mac)
	}
	return fleet.StatusOfAll
}

// publish asks on a subject.
func (a *asking) publish(subject string) error {
	request, err := proto.Marshal(&usherv1.StatusRequest{Query: a.query})
	if err != nil {
		return err
	}
	if err := a.client.conn.Publish(subject, request); err != nil {
		return fmt.Errorf("ask the fleet: %w", err)
	}
	return nil
}

// wait returns when the answers are complete, or when their time is over.
func (a *asking) wait(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, a.question.Timeout)
	defer cancel()
	quiet := time.NewTimer(time.Hour)
	quiet.Stop()
	defer quiet.Stop()
	pauses := backoff.Pauses{First: a.question.Timeout / 8, Longest: a.question.Timeout}
	again := time.NewTimer(pauses.Next())
	defer again.Stop()
	for {
		select {
		case <-a.news:
			answered, expected, complete := a.progress()
			if a.question.Progress != nil {
				a.question.Progress(answered, expected)
			}
			if complete {
				quiet.Reset(quietFor)
			}
		case <-quiet.C:
			return nil
		case <-a.client.reconnected:
			// Questions and answers under way were lost with the server.
			if err := a.publish(a.subject()); err != nil && a.client.conn.IsConnected() {
				return err
			}
		case <-again.C:
			a.askSilent()
			again.Reset(pauses.Next())
		case <-waiting.Done():
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			return nil
		}
	}
}

// askSilent asks the known Macs that have not answered, one by one.
func (a *asking) askSilent() {
	var silent []string
	a.mu.Lock()
	for name := range a.known {
		if a.macs[name] == nil && len(silent) < askedAgain {
			silent = append(silent, name)
		}
	}
	a.mu.Unlock()
	for _, name := range silent {
		if a.publish(fleet.StatusOf(name)) != nil {
			return // the connection is lost: they are asked again with it
		}
	}
}

func (a *asking) progress() (answered, expected int, complete bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	complete = len(a.known) > 0 && a.missing == 0
	if a.question.Mac != "" {
		complete = len(a.macs) > 0
	}
	return len(a.macs), len(a.known), complete
}

func (a *asking) notify() { a.news.Set() }

// take takes one answer. Calls do not overlap. An answer that comes from a server, with headers or JSON, was not sent
// by a Mac: another admin has used this subject as reply subject.
func (a *asking) take(message *nats.Msg) {
	if len(message.Header) > 0 || bytes.HasPrefix(message.Data, []byte(`{"type":"io.nats.jetstream.api.`)) {
		return
	}
	now := time.Now()
	name := fleet.MacOf(message.Subject)
	status := new(usherv1.MacStatus)
	err := proto.Unmarshal(message.Data, status)
	defer a.notify()
	a.mu.Lock()
	defer a.mu.Unlock()
	one := a.macs[name]
	if one == nil {
		one = &answers{at: now}
		a.macs[name] = one
		if _, known := a.known[name]; known {
			a.missing--
		}
	}
	switch {
	case err != nil || len(message.Data) == 0:
		one.garbage = fmt.Sprintf("it answered %d bytes that are no status", len(message.Data))
	case status.GetMac() != "" && status.GetMac() != name:
		one.forged = status.GetMac()
	default:
		if one.status == nil {
			one.status, one.at = status, now
		}
		if instance := status.GetInstance(); !slices.Contains(one.instances, instance) &&
			len(one.instances) < instancesKept {
			one.instances = append(one.instances, instance)
		}
	}
}

// known reads the bucket.
func (c *Client) known(ctx context.Context, mac string) (map[string]*known, error) {
	const keys = "$KV." + fleet.MacsBucket + "."
	subjects := []string{keys + mac}
	if mac == "" {
		counts, _, err := c.subjects(ctx, fleet.MacsStream, keys+"*")
		if err != nil {
			return nil, err
		}
		subjects = slices.Collect(maps.Keys(counts))
	}
	all := make(map[string]*known)
	err := c.lastOf(ctx, fleet.MacsStream, subjects, func(read message) {
		one := &known{change: new(usherv1.StatusChange), at: read.time}
		if len(read.data) == 0 || proto.Unmarshal(read.data, one.change) != nil {
			one.garbage = true
		}
		all[fleet.MacOf(read.subject)] = one
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// report combines the answers.
func (a *asking) report() *Report {
	a.mu.Lock()
	defer a.mu.Unlock()
	report := &Report{Made: a.began, Macs: []Standing{}}
	if a.warning != "" {
		report.Warnings = append(report.Warnings, a.warning)
	}
	for name, one := range a.macs {
		report.Macs = append(report.Macs, a.answered(name, one, a.known[name]))
	}
	for name, one := range a.known {
		if a.macs[name] == nil {
			report.Macs = append(report.Macs, silent(name, one))
		}
	}
	slices.SortFunc(report.Macs, func(x, y Standing) int { return cmp.Compare(x.Mac, y.Mac) })
	report.count()
	return report
}

// silent describes a Mac that has not answered.
func silent(name string, one *known) Standing {
	standing := Standing{Mac: name, Answer: Silent, State: Unknown, Seen: one.at}
	if one.garbage {
		standing.Notes = []string{"what it published last is no status"}
		return standing
	}
	standing.describe(one.change.GetMac())
	return standing
}

// answered describes a Mac that has answered.
func (a *asking) answered(name string, one *answers, before *known) Standing {
	standing := Standing{Mac: name, Answer: Answered, State: Unknown, Seen: one.at, Took: one.at.Sub(a.began),
		Instances: max(1, len(one.instances))}
	if one.status == nil {
		standing.Answer = Garbage
		if before != nil && !before.garbage {
			standing.describe(before.change.GetMac())
			standing.Seen = before.at
		}
	} else {
		standing.describe(one.status)
		standing.judge(one)
	}
	if one.garbage != "" {
		standing.Notes = append(standing.Notes, one.garbage)
	}
	if one.forged != "" {
		standing.Notes = append(standing.Notes,
			"it answered as "+plain(one.forged)+", which the server does not let it be")
	}
	return standing
}

// plain makes one short line of a Mac's text.
func plain(text string) string { return oneline.Of(text, longestText) }

// describe copies what a Mac says about itself.
func (s *Standing) describe(status *usherv1.MacStatus) {
	if status == nil {
		return
	}
	if status.GetState() != usherv1.IdentityState_IDENTITY_STATE_UNSPECIFIED {
		s.State = contract.Name(status.GetState())
	} else if status.GetState() == 0 && len(status.GetUsers()) == 0 && status.GetInstance() != "" {
		s.State = NoUser
	}
	s.Computer, s.OperatingSystem, s.Version = plain(status.GetComputerName()), plain(status.GetOperatingSystem()),
		plain(status.GetVersion())
	s.ProblemCount = int(max(0, status.GetProblemCount()))
	for _, problem := range status.GetProblems()[:min(len(status.GetProblems()), 8)] {
		s.Problems = append(s.Problems, plain(problem))
	}
	if users := status.GetUsers(); len(users) > 0 {
		s.User = plain(users[0].GetName())
		if state := users[0].GetRegistrationState(); state != usherv1.RegistrationState_REGISTRATION_STATE_UNSPECIFIED {
			s.Registration = contract.Name(state)
			if reason := users[0].GetFailureReason(); reason != usherv1.FailureReason_FAILURE_REASON_UNSPECIFIED {
				s.Registration += ": " + contract.Name(reason)
			}
		}
	}
	if dropped := status.GetDroppedChanges(); dropped > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%d of its changes were never published", dropped))
	}
}

// judge adds notes about what is odd in an answer.
func (s *Standing) judge(one *answers) {
	if len(one.instances) > 1 {
		s.Notes = append(s.Notes, fmt.Sprintf("%d Macs answer under this name: they were cloned, or share credentials",
			len(one.instances)))
	}
	version := cmp.Or(s.Version, "of an unknown version")
	switch state := one.status.GetState(); {
	case one.status.GetInstance() == "" || s.State == Unknown:
		s.Notes = append(s.Notes, "usherd "+version+" tells less than this usherctl knows")
	case state.Descriptor().Values().ByNumber(state.Number()) == nil:
		s.Notes = append(s.Notes, fmt.Sprintf(
			"usherd %s says state %d, which this usherctl does not know: update usherctl", version, state))
	}
	if said := contract.Time(one.status.GetTime()); !said.IsZero() {
		if skew := said.Sub(one.at).Round(time.Second); skew.Abs() >= leastSkew {
			word := "ahead"
			if skew < 0 {
				word = "behind"
			}
			s.Notes = append(s.Notes, fmt.Sprintf("its clock is %s %s", skew.Abs(), word))
		}
	}
}
