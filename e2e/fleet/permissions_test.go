package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"usher.internal/ctl/fleet"
	access "usher.internal/internal/fleet"
	usherv1 "usher.internal/proto/usher/v1"
)

// refuses tells whether the server refuses what is tried. It says so in its own time, before it answers a ping that comes after.
func refuses(conn *nats.Conn, errs chan error, try func() error) bool {
	for len(errs) > 0 {
		<-errs
	}
	if err := try(); err != nil {
		return errors.Is(err, nats.ErrPermissionViolation)
	}
	if conn.Flush() != nil {
		return true
	}
	select {
	case err := <-errs:
		return errors.Is(err, nats.ErrPermissionViolation)
	case <-time.After(300 * time.Millisecond): // errors are told by another goroutine than pongs
		return false
	}
}

// Who has the credentials of one Mac is that Mac, and nobody else: the server sees to it.
func TestCredentialsAreForOneNameAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	how, err := w.Device("MAC-A", time.Hour)
	w.must(err)
	_, err = w.Device("MAC-B", time.Hour)
	w.must(err)
	errs := make(chan error, 16)
	conn := w.raw(how, "MAC-A", errs)
	for subject, allowed := range map[string]bool{
		"usher.v1.answer.q1.MAC-A":                true,
		"usher.v1.change.MAC-A":                   true,
		"usher.v1.answer.q1.MAC-B":                false,
		"usher.v1.answer.q1":                      false,
		"usher.v1.change.MAC-B":                   false,
		"usher.v1.change.MAC-A.more":              false,
		"usher.v1.status.all":                     false,
		"usher.v1.status.MAC-A":                   false,
		"usher.v1.status.MAC-B":                   false,
		"$KV.USHER_DEVICES.MAC-A":                 false,
		"$KV.USHER_DEVICES.MAC-B":                 false,
		"$JS.API.INFO":                            false,
		"$JS.API.STREAM.DELETE.USHER_CHANGES":     false,
		"$JS.API.STREAM.PURGE.USHER_CHANGES":      false,
		"$JS.API.STREAM.MSG.GET.USHER_CHANGES":    false,
		"$JS.API.DIRECT.GET.KV_USHER_DEVICES":     false,
		"$JS.API.CONSUMER.CREATE.USHER_CHANGES.x": false,
		"_INBOX_MAC-B.x":                          false, "_INBOX_admin.x": false, "anything": false,
	} {
		if refused := refuses(conn, errs, func() error { return conn.Publish(subject, []byte("x")) }); refused == allowed {
			t.Errorf("MAC-A publishes on %s: refused %t", subject, refused)
		}
	}
	for subject, allowed := range map[string]bool{
		"usher.v1.status.all":      true,
		"usher.v1.status.MAC-A":    true,
		"usher.v1.kept.MAC-A":      true,
		"usher.v1.kept.MAC-B":      false,
		"usher.v1.kept.*":          false,
		"usher.v1.status.MAC-B":    false,
		"usher.v1.status.*":        false,
		"usher.v1.answer.*.*":      false,
		"usher.v1.answer.q1.MAC-A": false,
		"usher.v1.change.*":        false,
		"usher.v1.change.MAC-A":    false,
		"_INBOX_admin.>":           false,
		"$KV.>":                    false, "$JS.>": false, "$SYS.>": false, ">": false,
	} {
		var made *nats.Subscription
		refused := refuses(conn, errs, func() (err error) { made, err = conn.SubscribeSync(subject); return err })
		if refused == allowed {
			t.Errorf("MAC-A listens to %s: refused %t", subject, refused)
		}
		made.Unsubscribe()
	}

	admin := w.rawAdmin(errs)
	for subject, allowed := range map[string]bool{
		"usher.v1.status.all": true, "usher.v1.status.MAC-A": true,
		"$JS.API.DIRECT.GET.USHER_CHANGES": true, "$JS.API.DIRECT.GET.KV_USHER_DEVICES": true,
		"usher.v1.change.MAC-A": false, "usher.v1.answer.q1.MAC-A": false, "usher.v1.kept.MAC-A": false, "$KV.USHER_DEVICES.MAC-A": false,
		"$JS.API.STREAM.DELETE.USHER_CHANGES": false, "$JS.API.STREAM.PURGE.USHER_CHANGES": false, "$JS.API.STREAM.UPDATE.USHER_CHANGES": false,
		"$JS.API.STREAM.DELETE.KV_USHER_DEVICES": false, "$JS.API.STREAM.PURGE.KV_USHER_DEVICES": false, "$JS.API.STREAM.INFO.USHER_CHANGES": false,
		"$JS.API.STREAM.MSG.DELETE.USHER_CHANGES": false, "$JS.API.STREAM.CREATE.MORE": false, "$JS.API.CONSUMER.CREATE.USHER_CHANGES.x": false,
		"_INBOX_provision.x": false,
	} {
		if refused := refuses(admin, errs, func() error { return admin.Publish(subject, []byte("{}")) }); refused == allowed {
			t.Errorf("an admin publishes on %s: refused %t", subject, refused)
		}
	}
}

// rawAdmin connects with NATS's own client and an admin's credentials.
func (w *world) rawAdmin(errs chan error) *nats.Conn {
	w.Helper()
	return w.raw(w.Access(filepath.Join(w.Directory, "admin", "admin.creds")), "admin", errs)
}

// What somebody may publish can name any subject for an answer, and a server answers there with rights of its own. No answer does
// anything, or is taken for another's word.
func TestAnswersOfServersDoNothing(t *testing.T) {
	t.Parallel()
	for _, servers := range []int{1, 3} {
		t.Run(fmt.Sprint(servers), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, servers)
			macs := w.macs(2)
			w.must(macs[1].change(1))
			w.eventually("a change is there", func() bool { return allPublished(macs) })
			how, err := w.Device("MAC-A", time.Hour)
			w.must(err)
			errs := make(chan error, 16)
			device, admin := w.raw(how, "MAC-A", errs), w.rawAdmin(errs)
			provision := w.raw(w.Access(filepath.Join(w.Directory, "keys", "provision", "provision.creds")), "provision", errs)
			stream, err := provision.JetStream()
			w.must(err)

			victim := macs[1].name
			replies := []string{
				access.ChangesOf(victim), access.ChangesOf("GHOST"), access.KeptOf(victim), "$KV.USHER_DEVICES." + victim, "usher.v1.answer.q1." + victim,
				access.StatusOfAll, access.StatusOf(victim),
			}
			for _, name := range []string{access.ChangesStream, access.DevicesStream} {
				for _, action := range []string{"DELETE", "PURGE", "UPDATE", "MSG.DELETE", "LEADER.STEPDOWN", "INFO"} {
					replies = append(replies, "$JS.API.STREAM."+action+"."+name)
				}
				replies = append(replies, "$JS.API.DIRECT.GET."+name, "$JS.API.CONSUMER.CREATE."+name+".x")
			}

			// What is heard of it: by all admins, and by the Mac whose name is used.
			watching := w.admin()
			ctx, cancel := context.WithCancel(w.ctx)
			var watched sync.WaitGroup
			watched.Go(func() {
				watching.Watch(ctx, func(change *fleet.Change) error {
					if change.Device != "MAC-A" {
						t.Errorf("whoever watches is shown %+v", change)
					}
					return nil
				})
			})
			defer watched.Wait()
			defer cancel()
			answers, err := w.rawAdmin(errs).SubscribeSync(access.EveryAnswer)
			w.must(err)

			published := 0
			for _, reply := range replies {
				for _, content := range []string{"", "{}", "x"} {
					w.must(device.PublishRequest(access.ChangesOf("MAC-A"), reply, []byte(content)))
					w.must(device.PublishRequest("usher.v1.answer.q0.MAC-A", reply, []byte(content)))
					published++
				}
			}
			w.must(device.Flush())
			for _, reply := range replies {
				for _, name := range []string{access.ChangesStream, access.DevicesStream} {
					for _, content := range []string{"", "{}", "x", `{"seq":1}`, `{"seq":999999}`, `{"seq":1,"batch":5}`, `{"last_by_subj":"` + access.ChangesOf(victim) + `"}`} {
						w.must(admin.PublishRequest("$JS.API.DIRECT.GET."+name, reply, []byte(content)))
					}
				}
				w.must(admin.PublishRequest(access.StatusOf("GHOST"), reply, []byte("x")))
			}
			w.must(admin.Flush())

			w.eventually("all that was allowed has come", func() bool {
				info, err := stream.StreamInfo(access.ChangesStream)
				w.must(err)
				if info.State.Msgs > uint64(published)+3 {
					t.Fatalf("the stream has %d messages, want %d and three before", info.State.Msgs, published)
				}
				return info.State.Msgs == uint64(published)+3
			})
			info, err := stream.StreamInfo(access.DevicesStream)
			w.must(err)
			if info.State.NumSubjects != 3 {
				t.Errorf("the bucket has %d devices, want 3", info.State.NumSubjects)
			}
			changes, err := stream.StreamInfo(access.ChangesStream)
			w.must(err)
			if changes.Config.MaxMsgs != -1 || changes.State.Consumers+info.State.Consumers != 0 || !changes.Config.NoAck {
				t.Errorf("the streams are %+v and %+v", changes, info)
			}
			counts := w.stored(w.admin())
			if len(counts) != 1 || counts[victim] != 1 {
				t.Errorf("changes are read: %v", counts)
			}
			report, err := w.admin().Ask(w.ctx, fleet.Question{Timeout: 2 * time.Second})
			w.must(err)
			if len(report.Devices) != 3 {
				t.Errorf("the fleet knows %+v", report.Devices)
			}
			for _, one := range report.Devices {
				if one.Device == victim && (one.Answer != fleet.Answered || len(one.Notes) != 0) {
					t.Errorf("%s is shown as %+v", victim, one)
				}
			}
			for {
				message, err := answers.NextMsg(100 * time.Millisecond)
				if err != nil {
					break
				}
				if strings.HasSuffix(message.Subject, victim) && len(message.Header) == 0 && strings.HasPrefix(message.Subject, "usher.v1.answer.q") {
					t.Errorf("%q on %s would be taken for the word of that Mac", message.Data, message.Subject)
				}
			}
			select {
			case err := <-errs:
				t.Errorf("it was refused, where it was to be of no use: %v", err)
			default:
			}
		})
	}
}

// A Mac that was given another's credentials says so, and is not the other one.
func TestAnothersCredentialsAreNotUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	how, err := w.Device("MAC-A", time.Hour)
	w.must(err)
	other := w.start(w.macWith("MAC-B", how))
	w.eventually("MAC-B says whose credentials it has", func() bool {
		return strings.Contains(other.State().GetLastError(), "are those of MAC-A, and this Mac is MAC-B")
	})
	report, err := w.admin().Ask(w.ctx, fleet.Question{Timeout: 500 * time.Millisecond})
	w.must(err)
	if len(report.Devices) != 0 {
		t.Errorf("the fleet knows %+v", report.Devices)
	}
}

// Whatever answers is shown as what it is, and counted once.
func TestOddAnswersAreShownAsSuch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	honest := w.macs(2)
	errs := make(chan error, 16)
	encoded := func(status *usherv1.DeviceStatus) []byte {
		content, err := proto.Marshal(status)
		w.must(err)
		return content
	}
	registered := usherv1.IdentityState_IDENTITY_STATE_REGISTERED
	now := timestamppb.Now()
	odd := map[string][][]byte{
		"GARBAGE": {[]byte("\xff\xfe no status \x00")},
		"EMPTY":   {{}},
		// Of an usherd before there were agents: no instance, no users, no state.
		"OLD":      {encoded(&usherv1.DeviceStatus{Device: "OLD", Version: "0.1.0"})},
		"CLONED":   {encoded(&usherv1.DeviceStatus{Device: "CLONED", Instance: "one", State: registered, Time: now}), encoded(&usherv1.DeviceStatus{Device: "CLONED", Instance: "two", State: registered, Time: now})},
		"TWICE":    {encoded(&usherv1.DeviceStatus{Device: "TWICE", Instance: "one", State: registered, Time: now}), encoded(&usherv1.DeviceStatus{Device: "TWICE", Instance: "one", State: registered, Time: now})},
		"FORGER":   {encoded(&usherv1.DeviceStatus{Device: honest[0].name, Instance: "x", State: usherv1.IdentityState_IDENTITY_STATE_NOT_REGISTERED, Time: now})},
		"SKEWED":   {encoded(&usherv1.DeviceStatus{Device: "SKEWED", Instance: "x", State: registered, Time: timestamppb.New(time.Now().Add(-3 * time.Hour))})},
		"NEWER":    {encoded(&usherv1.DeviceStatus{Device: "NEWER", Instance: "x", State: 4711, Time: now, Version: "9.0.0"})},
		"BAD-TEXT": {encoded(&usherv1.DeviceStatus{Device: "BAD-TEXT", Instance: "x", State: registered, Time: now, ComputerName: "a\x1b[2J\u202eb"})},
	}
	for name, replies := range odd {
		how, err := w.Device(name, time.Hour)
		w.must(err)
		conn := w.raw(how, name, errs)
		_, err = conn.Subscribe(access.StatusOfAll, func(request *nats.Msg) {
			asked := new(usherv1.StatusRequest)
			if err := proto.Unmarshal(request.Data, asked); err != nil {
				t.Error(err)
			}
			for _, reply := range replies {
				subject, _ := access.AnswerOf(asked.GetQuery(), name)
				conn.Publish(subject, reply)
			}
		})
		w.must(err)
		w.must(conn.Flush())
	}
	report, err := w.admin().Ask(w.ctx, fleet.Question{Timeout: 2 * time.Second})
	w.must(err)
	total := 0
	for _, count := range report.Counts {
		total += count.Devices
	}
	if want := len(odd) + len(honest); len(report.Devices) != want || total != want {
		t.Errorf("%d devices, %d counted, want %d", len(report.Devices), total, want)
	}
	for name, want := range map[string]struct {
		answer fleet.Answer
		state  string
		macs   int
		note   string
	}{
		"GARBAGE":      {fleet.Garbage, fleet.Unknown, 1, "bytes that are no status"},
		"EMPTY":        {fleet.Garbage, fleet.Unknown, 1, "0 bytes that are no status"},
		"OLD":          {fleet.Answered, fleet.Unknown, 1, "usherd 0.1.0 tells less"},
		"CLONED":       {fleet.Answered, "REGISTERED", 2, "2 Macs answer under this name"},
		"TWICE":        {fleet.Answered, "REGISTERED", 1, ""},
		"FORGER":       {fleet.Garbage, fleet.Unknown, 1, "answered as " + honest[0].name},
		"SKEWED":       {fleet.Answered, "REGISTERED", 1, "its clock is 3h"},
		"NEWER":        {fleet.Answered, fleet.Unknown, 1, "tells less than this usherctl knows"},
		"BAD-TEXT":     {fleet.Answered, "REGISTERED", 1, ""},
		honest[0].name: {fleet.Answered, "REGISTERED", 1, ""},
	} {
		got := byName(report, name)
		if got == nil {
			t.Errorf("%s is missing", name)
			continue
		}
		notes := strings.Join(got.Notes, "; ")
		if got.Answer != want.answer || got.State != want.state || got.Macs != want.macs || !strings.Contains(notes, want.note) || want.note == "" && notes != "" {
			t.Errorf("%s: %s %s, %d Macs, %q; want %+v", name, got.Answer, got.State, got.Macs, notes, want)
		}
		if strings.ContainsAny(got.Computer, "\x1b\u202e") {
			t.Errorf("%s is called %q", name, got.Computer)
		}
	}
}

// A stranger has no credentials, or those of another organisation.
func TestStrangersAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	stranger := newWorld(t, 1)
	how, err := stranger.Device("MAC-A", time.Hour)
	w.must(err)
	how.Servers, how.CAFile = w.URLs(), filepath.Join(w.Directory, "devices", "ca.pem")
	mac := w.start(w.macWith("MAC-A", how))
	w.eventually("it is told that it is refused", func() bool { return strings.Contains(mac.State().GetLastError(), "does not know these credentials") })
	if mac.connected() {
		t.Error("a stranger is connected")
	}
	// And a Mac does not talk to servers of another authority.
	own, err := w.Device("MAC-B", time.Hour)
	w.must(err)
	own.CAFile = filepath.Join(stranger.Directory, "devices", "ca.pem")
	careful := w.start(w.macWith("MAC-B", own))
	w.eventually("it does not trust the server", func() bool {
		return strings.Contains(careful.State().GetLastError(), "x509") && strings.Contains(careful.State().GetLastError(), "fleet.ca_file")
	})
	_, err = nats.Connect(w.URLs()[0], nats.RootCAs(filepath.Join(w.Directory, "devices", "ca.pem")))
	if !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("without credentials: %v", err)
	}
	if text := fmt.Sprint(mac.log, careful.log); strings.Contains(text, "jane") {
		t.Error("the log tells who is logged in")
	}
}
