package handlers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"usher.internal/helper/clean"
	"usher.internal/helper/delivery"
	"usher.internal/helper/gate"
	"usher.internal/helper/observation"
	"usher.internal/helper/primary"
	"usher.internal/helper/registration"
	"usher.internal/helper/sessions"
	"usher.internal/helper/status"
	"usher.internal/helper/store"
	"usher.internal/helper/support"
	"usher.internal/internal/accounts"
	"usher.internal/internal/applog"
	"usher.internal/internal/config"
	"usher.internal/internal/contract"
	"usher.internal/internal/excerpt"
	"usher.internal/internal/link"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// sharedMac is a Mac on which Jane and John have registered. All of John's data contain JOHN or john.
type sharedMac struct {
	registrations []registration.Registration
	observations  []observation.Observation
	selection     support.Selection
	gone          string
	primaryUser   string
	err           error
}

var registeredAt = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func newSharedMac() *sharedMac {
	mac := &sharedMac{}
	for _, user := range []accounts.User{{Name: "jane", UID: 501}, {Name: "john", UID: 502}} {
		name := strings.ToUpper(user.Name)
		identity := wpj.Identity{State: wpj.StateRegistered, Detail: name,
			UserPrincipalName: wpj.UserPrincipalName(user.Name + "@example.com"), DeviceID: wpj.DeviceID(name)}
		mac.registrations = append(mac.registrations, registration.Registration{
			ID: "registration of " + name, Kind: registration.KindRegister,
			User:  user,
			State: registration.StateSucceeded, CreatedAt: registeredAt, UpdatedAt: registeredAt.Add(time.Minute),
			Identity: &identity,
		})
		mac.observations = append(mac.observations, observation.Observation{
			User: user, Identity: identity, LookedAt: registeredAt,
		})
	}
	return mac
}

func (m *sharedMac) Start(context.Context, registration.StartRequest) (registration.Registration, bool, error) {
	return registration.Registration{}, false, errors.ErrUnsupported
}

func (m *sharedMac) Get(string) (registration.Registration, error) {
	return registration.Registration{}, errors.ErrUnsupported
}

func (m *sharedMac) Cancel(context.Context, string, string) (registration.Registration, error) {
	return registration.Registration{}, errors.ErrUnsupported
}

func (m *sharedMac) Look(context.Context, sessions.Session) (observation.Observation, error) {
	return observation.Observation{}, errors.ErrUnsupported
}

func (m *sharedMac) LookWithoutSession(context.Context, accounts.User) error {
	return errors.ErrUnsupported
}

func (m *sharedMac) Flush() (int, error) { return 0, errors.ErrUnsupported }

func (m *sharedMac) LastDelivered() (time.Time, error) { return time.Time{}, nil }

func (m *sharedMac) List(filter registration.Filter) (found []registration.Registration, err error) {
	for _, one := range m.registrations {
		if filter.UID == nil || *filter.UID == one.User.UID {
			found = append(found, one)
		}
	}
	return found, m.err
}

func (m *sharedMac) Last() (func(uint32, string) time.Time, error) {
	return func(uint32, string) time.Time { return time.Time{} }, m.err
}

// Gone reports whether the account was deleted, if it is john's.
func (m *sharedMac) Gone(_ uint32, name string) bool { return name == m.gone }

// Name returns the name of the account that now has the uid.
func (m *sharedMac) Name(uid uint32) (string, error) {
	for _, one := range m.observations {
		if one.User.UID == uid {
			return one.User.Name, nil
		}
	}
	return "", nil
}

func (m *sharedMac) Refresh([]primary.Candidate, string) {}

func (m *sharedMac) Named(string) (accounts.User, bool) { return accounts.User{}, false }

func (m *sharedMac) Newest() (all []registration.Latest, err error) {
	for _, one := range m.registrations {
		all = append(all, registration.Latest{Newest: one})
	}
	return all, m.err
}

func (m *sharedMac) All() ([]observation.Observation, error) { return m.observations, m.err }
func (m *sharedMac) WriteError() error                       { return nil }
func (m *sharedMac) Damages() ([]store.Damage, error)        { return nil, nil }
func (m *sharedMac) Generation() uint64                      { return 1 }
func (m *sharedMac) Changed() <-chan struct{}                { return nil }

// sharedSessions has both users logged in.
type sharedSessions struct{ janeForemost }

func (sharedSessions) List() []sessions.Session {
	return []sessions.Session{{User: accounts.User{Name: "jane", UID: 501}},
		{User: accounts.User{Name: "john", UID: 502}}}
}

func (s sharedSessions) Watch() ([]sessions.Session, <-chan struct{}) { return s.List(), nil }

// refusedOutbox holds a delivery about John that Jamf Pro has refused.
type refusedOutbox struct{}

func (refusedOutbox) List(bool, int) ([]delivery.Delivery, error) {
	return []delivery.Delivery{{State: delivery.StateRefused, LastError: "JOHN was refused"}}, nil
}

func (refusedOutbox) Flush() (int, error) { return 0, errors.ErrUnsupported }

func (refusedOutbox) LastDelivered() (time.Time, error) { return time.Time{}, nil }

// sharedLogs records its requests.
type sharedLogs struct {
	mac  *sharedMac
	size int
	err  error
	// own includes usherd's own log.
	own bool
}

func (l *sharedLogs) List() []support.Log {
	logs := []support.Log{{Name: "logs/jamf.log", Path: "/var/log/jamf.log", Size: 7, Description: "d"}}
	if l.own {
		logs = append(logs, support.Log{Name: "logs/usher/usherd.log", Path: "/Library/Logs/usher/usherd.log", Size: 7,
			Description: "d", Own: true})
	}
	return logs
}

func (l *sharedLogs) Copy(_ context.Context, to io.Writer, _ support.Log, selection support.Selection) (string, error) {
	l.mac.selection = selection
	_, err := to.Write(bytes.Repeat([]byte("jamf log"), l.size/8))
	return "It is only the newest part.", errors.Join(err, l.err)
}

// configured is a configuration that does not change, with a value that only admins see.
type configured struct{ primaryUser string }

func (c configured) Current() *config.Loaded {
	loaded := &config.Loaded{}
	loaded.Tenant.ID, loaded.PrimaryUser = "ADMINS-ONLY", c.primaryUser
	return loaded
}

func (configured) Problem() *config.Problem { return nil }
func (configured) Pending() []string        { return nil }
func (configured) Changed() <-chan struct{} { return nil }

// status is the status of the Mac, with these sessions.
func (m *sharedMac) status(sessions Sessions) *status.Reporter {
	return status.New(status.Config{Sessions: sessions.(status.Sessions), History: m, Observations: m, Journal: m,
		Outbox: refusedOutbox{}, Presence: m, Accounts: m, Configuration: configured{m.primaryUser}, Version: "1.2.3"})
}

func newSupport(t *testing.T, mac *sharedMac, logs *sharedLogs) *supportService {
	logs.mac = mac
	return &supportService{
		logs: logs, doctor: fakeDoctor{}, examinations: newExaminations(),
		registrations: registrationsOf{sharedMac: mac}, sessions: sharedSessions{}, observations: mac,
		status: mac.status(sharedSessions{}),
		cleaner: &fakeCleaner{
			removal: clean.Removal{User: accounts.User{Name: "jane", UID: 501},
				Caller: accounts.User{Name: "john", UID: 502},
				At:     registeredAt}},
		configuration: configured{},
	}
}

// registrationsOf adds the methods that nobody calls.
type registrationsOf struct{ *sharedMac }

func (registrationsOf) Watch(context.Context, string, func(registration.Registration) error) error {
	return errors.ErrUnsupported
}

// contents writes every file.
func contents(t *testing.T, service *supportService, uid uint32, admin bool) map[string]string {
	t.Helper()
	actor := gate.NewActor(&link.Peer{UID: uid}, admin, nil)
	files, err := service.about(actor, accounts.User{Name: "jane", UID: 501})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, file := range files {
		var text bytes.Buffer
		if _, err := file.write(t.Context(), &text); err != nil {
			t.Errorf("%s: %v", file.about.GetName(), err)
		}
		if about := file.about; about.GetDescription() == "" || about.GetSource() == "" {
			t.Errorf("%v does not say what it is", about)
		}
		all[file.about.GetName()] = text.String()
	}
	return all
}

// Sentences about the user that name others, Jamf Pro's data about the whole computer, and usherd's own log are not
// included either.
func TestWhatIsSaidOfAUserNamesNobodyElse(t *testing.T) {
	mac := newSharedMac()
	// Sentences about Jane that name John. Also Jamf Pro's data about the whole computer, with a device that usher does
	// not know.
	mac.registrations[0].FailureDetail =
		"/x belongs to uid 502, john@example.com (JOHN), device JOHN; it must belong to root."
	mac.observations[0].Identity.Detail = "JANE, beside john's"
	mac.observations[0].Evidence = []wpj.Evidence{{Source: wpj.SourceJamfPro, Finding: wpj.Found, Detail: "two devices",
		Compliance: &wpj.Compliance{Applicable: true, State: "COMPLIANT",
			DeviceIDs: []wpj.DeviceID{"JANE", "JOHN", "a-third-john"}}}}
	service := newSupport(t, mac, &sharedLogs{size: 8, own: true})
	for name, text := range contents(t, service, 501, false) {
		if small := strings.ToLower(text); strings.Contains(small, "john") || uidOfJohn.MatchString(text) ||
			strings.HasPrefix(name, "logs/usher/") {
			t.Errorf("jane's %s names others:\n%s", name, text)
		}
	}
	if all := contents(t, service, 0, true); !strings.Contains(all["status.json"], "a-third-john") ||
		all["logs/usher/usherd.log"] == "" {
		t.Errorf("an admin gets %q", all)
	}
}

// uidOfJohn matches john's uid as a separate number: the fraction of a time may have these digits.
var uidOfJohn = regexp.MustCompile(`\b502\b`)

func TestASupportArchiveOfAUserHasNothingOfOthers(t *testing.T) {
	mac := newSharedMac()
	service := newSupport(t, mac, &sharedLogs{size: 8})
	own := contents(t, service, 501, false)
	for name, text := range own {
		if small := strings.ToLower(text); strings.Contains(small, "john") || strings.Contains(text, "502") ||
			strings.Contains(text, "ADMINS-ONLY") {
			t.Errorf("jane's %s names others:\n%s", name, text)
		}
	}
	for name, want := range map[string]string{
		"status.json":        `"command":"status","data":{`,
		"doctor.json":        `"command":"doctor","data":{"name":"disk"`,
		"registrations.json": `"command":"registrations show","data":{"id":"registration of JANE"`,
		"removals.json":      `"caller":{"name":"an admin"`,
		"logs/jamf.log":      "jamf log",
	} {
		if !strings.Contains(strings.ReplaceAll(own[name], " ", ""), strings.ReplaceAll(want, " ", "")) {
			t.Errorf("%s is %s, without %s", name, own[name], want)
		}
	}
	if !strings.Contains(own["status.json"], "JANE") || !strings.Contains(own["doctor.json"], `"jane"`) {
		t.Errorf("jane is missing in %s%s", own["status.json"], own["doctor.json"])
	}
	want := excerpt.Person{Name: "jane", UID: 501, SignInNames: []string{"jane@example.com"},
		Identifiers: []string{"JANE"}}
	if got := mac.selection; got.Everything || fmt.Sprint(got.About) != fmt.Sprint(want) ||
		!slices.Equal(got.Others, []string{"john", "502", "JOHN", "john@example.com"}) ||
		len(got.Spans) != 1 || got.Spans[0].From.After(registeredAt) {
		t.Errorf("the logs were asked for %+v", got)
	}

	all := contents(t, service, 0, true)
	if !strings.Contains(all["configuration.json"], "ADMINS-ONLY") || !mac.selection.Everything ||
		!strings.Contains(all["removals.json"], "john") ||
		!strings.Contains(all["status.json"], "JOHN was refused") {
		t.Errorf("an admin gets %q, of logs %+v", all, mac.selection)
	}
	if strings.Contains(all["registrations.json"], "JOHN") || strings.Contains(all["doctor.json"], "john") {
		t.Errorf("what an admin gets about jane mentions john too: %q", all)
	}
}

// usher's own reader recognizes each line as part of the journal.
func TestTheJournalCanBeRead(t *testing.T) {
	text := contents(t, newSupport(t, newSharedMac(), &sharedLogs{}), 501, false)
	for _, name := range []string{"registrations.json", "status.json"} {
		for record, err := range applog.Read(t.Context(), strings.NewReader(text[name]), applog.Options{}) {
			if err != nil || record.Format != applog.UsherJournal {
				t.Errorf("%s is %s, %v:\n%s", name, record.Format, err, record.Raw)
			}
		}
	}
}

// collecting is the stream of one caller, in the form in which the gate passes it on.
type collecting struct {
	grpc.ServerStreamingServer[usherv1.CollectSupportFilesResponse]
	ctx  context.Context
	fail error
	// names are the files that were sent, problems the problems of each.
	names    []string
	files    map[string][]byte
	problems map[string]string
}

func (c *collecting) Context() context.Context { return c.ctx }

func (c *collecting) Send(response *usherv1.CollectSupportFilesResponse) error {
	switch part := response.GetPart().(type) {
	case *usherv1.CollectSupportFilesResponse_File:
		c.names = append(c.names, part.File.GetName())
	case *usherv1.CollectSupportFilesResponse_Data:
		if len(part.Data) > pieceBytes {
			return fmt.Errorf("a piece has %d bytes", len(part.Data))
		}
		name := c.names[len(c.names)-1]
		c.files[name] = append(c.files[name], part.Data...)
	case *usherv1.CollectSupportFilesResponse_Problem:
		c.problems[c.names[len(c.names)-1]] = part.Problem
	}
	return c.fail
}

func collectedBy(t *testing.T, uid uint32, admin bool) *collecting {
	return &collecting{ctx: as(t, uid, admin), files: map[string][]byte{}, problems: map[string]string{}}
}

func TestFilesComeInPieces(t *testing.T) {
	logs := &sharedLogs{size: 5*pieceBytes + 8}
	service := newSupport(t, newSharedMac(), logs)
	stream := collectedBy(t, 0, true)
	if err := service.CollectSupportFiles(&usherv1.CollectSupportFilesRequest{}, stream); err != nil {
		t.Fatal(err)
	}
	if got := stream.files["logs/jamf.log"]; !bytes.Equal(got, bytes.Repeat([]byte("jamf log"), logs.size/8)) {
		t.Errorf("%d bytes of jamf.log came, want %d", len(got), logs.size)
	}
	if want := map[string]string{"logs/jamf.log": "It is only the newest part."}; !maps.Equal(stream.problems, want) {
		t.Errorf("problems are %q", stream.problems)
	}
	listed, err := service.ListSupportFiles(as(t, 0, true), &usherv1.ListSupportFilesRequest{})
	if err != nil || listed.GetUser().GetName() != "jane" {
		t.Fatalf("%v, %v", listed, err)
	}
	for i, file := range listed.GetFiles() {
		if stream.names[i] != file.GetName() {
			t.Errorf("file %d is %s, and was listed as %s", i, stream.names[i], file.GetName())
		}
		if size := file.GetSizeEstimate(); file.GetSource() == fromHelper && size > 0 &&
			size != int64(len(stream.files[file.GetName()])) {
			t.Errorf("%s has %d bytes, and was listed with %d", file.GetName(), len(stream.files[file.GetName()]), size)
		}
	}
	some := collectedBy(t, 0, true)
	if err := service.CollectSupportFiles(
		&usherv1.CollectSupportFilesRequest{Names: []string{"status.json", "none.json"}}, some); err != nil ||
		!slices.Equal(some.names, []string{"status.json"}) {
		t.Errorf("of two names came %q, %v", some.names, err)
	}
}

func TestAFileThatCannotBeReadIsReported(t *testing.T) {
	service := newSupport(t, newSharedMac(), &sharedLogs{err: errors.New("input/output error")})
	stream := collectedBy(t, 0, true)
	if err := service.CollectSupportFiles(&usherv1.CollectSupportFilesRequest{}, stream); err != nil ||
		stream.problems["logs/jamf.log"] != "input/output error" {
		t.Errorf("%v, problems %q", err, stream.problems)
	}
	gone := collectedBy(t, 0, true)
	gone.fail = errors.New("caller is gone")
	if err := service.CollectSupportFiles(&usherv1.CollectSupportFilesRequest{}, gone); !errors.Is(err, gone.fail) ||
		len(gone.names) != 1 {
		t.Errorf("after %q: %v", gone.names, err)
	}
}

func TestSupportIsAboutWhoMayBeActedFor(t *testing.T) {
	service := newSupport(t, newSharedMac(), &sharedLogs{})
	// The user at the Mac is not the caller here, and the caller may not act for them.
	if _, err := service.ListSupportFiles(as(t, 0, false), &usherv1.ListSupportFilesRequest{}); grpcstatus.Code(err) !=
		codes.PermissionDenied {
		t.Errorf("someone else lists: %v", err)
	}
	stream := collectedBy(t, 0, false)
	if err := service.CollectSupportFiles(&usherv1.CollectSupportFilesRequest{}, stream); grpcstatus.Code(err) !=
		codes.PermissionDenied || len(stream.names) > 0 {
		t.Errorf("someone else collects %q: %v", stream.names, err)
	}
}

// Collecting examines too, and has the same limit.
func TestCollectingIsRationed(t *testing.T) {
	service := newSupport(t, newSharedMac(), &sharedLogs{})
	// the only uid that needs no account
	service.sessions = foremostOf{person: accounts.User{Name: "jane", UID: 0}}
	var err error
	for range examinationsAtOnce + 1 {
		if err != nil {
			t.Fatal(err)
		}
		err = service.CollectSupportFiles(&usherv1.CollectSupportFilesRequest{}, collectedBy(t, 0, false))
	}
	if contract.Reason(err) != usherv1.ErrorReason_ERROR_REASON_RATE_LIMITED {
		t.Errorf("got %v", err)
	}
	if err := service.CollectSupportFiles(&usherv1.CollectSupportFilesRequest{}, collectedBy(t, 0, true)); err != nil {
		t.Errorf("an admin: %v", err)
	}
}

type foremostOf struct {
	sharedSessions
	person accounts.User
}

func (f foremostOf) Foremost() (accounts.User, error) { return f.person, nil }
