package fleet_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"usher.internal/ctl/fleetview"
	"usher.internal/internal/fleet"
	usherv1 "usher.internal/proto/usher/v1"
)

// refuses reports whether the server refuses an attempt. The refusal arrives at any time before the answer to a later
// ping.
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
	case <-time.After(300 * time.Millisecond): // errors arrive in another goroutine than pongs
		return false
	}
}

// A client with the credentials of one Mac is that Mac, and no other: the server enforces it.
func TestCredentialsAreForOneNameAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	how, err := w.Mac("MAC-A", time.Hour)
	w.must(err)
	_, err = w.Mac("MAC-B", time.Hour)
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
		"$KV.USHER_MACS.MAC-A":                    false,
		"$KV.USHER_MACS.MAC-B":                    false,
		"$JS.API.INFO":                            false,
		"$JS.API.STREAM.DELETE.USHER_CHANGES":     false,
		"$JS.API.STREAM.PURGE.USHER_CHANGES":      false,
		"$JS.API.STREAM.MSG.GET.USHER_CHANGES":    false,
		"$JS.API.DIRECT.GET.KV_USHER_MACS":        false,
		"$JS.API.CONSUMER.CREATE.USHER_CHANGES.x": false,
		"_INBOX_MAC-B.x":                          false, "_INBOX_admin.x": false, "anything": false,
	} {
		if refused := refuses(conn, errs, func() error { return conn.Publish(subject, []byte("x")) }); refused ==
			allowed {
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
		"usher.v1.api.DIRECT.GET.USHER_CHANGES": true, "usher.v1.api.DIRECT.GET.KV_USHER_MACS": true,
		"usher.v1.api.STREAM.INFO.USHER_CHANGES": true, "usher.v1.api.STREAM.INFO.KV_USHER_MACS": true,
		"usher.v1.change.MAC-A": false, "usher.v1.answer.q1.MAC-A": false, "usher.v1.kept.MAC-A": false,
		"$KV.USHER_MACS.MAC-A":                false,
		"$JS.API.STREAM.DELETE.USHER_CHANGES": false, "$JS.API.STREAM.PURGE.USHER_CHANGES": false,
		"$JS.API.STREAM.UPDATE.USHER_CHANGES": false,
		"$JS.API.STREAM.DELETE.KV_USHER_MACS": false, "$JS.API.STREAM.PURGE.KV_USHER_MACS": false,
		"$JS.API.STREAM.INFO.USHER_CHANGES": false, "usher.v1.api.STREAM.DELETE.USHER_CHANGES": false,
		"$JS.API.STREAM.MSG.DELETE.USHER_CHANGES": false, "$JS.API.STREAM.CREATE.MORE": false,
		"$JS.API.CONSUMER.CREATE.USHER_CHANGES.x": false,
		"_INBOX_provision.x":                      false,
	} {
		if refused := refuses(admin, errs, func() error { return admin.Publish(subject, []byte("{}")) }); refused ==
			allowed {
			t.Errorf("an admin publishes on %s: refused %t", subject, refused)
		}
	}
}

// rawAdmin connects with NATS's own client and an admin's credentials.
func (w *world) rawAdmin(errs chan error) *nats.Conn {
	w.Helper()
	return w.raw(w.Access(filepath.Join(w.Directory, "admin", "admin.creds")), "admin", errs)
}

// A publisher can name any subject for the answer, and a server answers there with its own rights. No such answer has
// an effect, or is mistaken for another's message.
func TestAnswersOfServersDoNothing(t *testing.T) {
	t.Parallel()
	for _, servers := range []int{1, 3} {
		t.Run(fmt.Sprint(servers), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, servers)
			macs := w.macs(2)
			w.must(macs[1].change(1))
			w.eventually("a change is there", func() bool { return allPublished(macs) })
			how, err := w.Mac("MAC-A", time.Hour)
			w.must(err)
			errs := make(chan error, 16)
			mac, admin := w.raw(how, "MAC-A", errs), w.rawAdmin(errs)
			provision := w.raw(w.Access(filepath.Join(w.Directory, "keys", "provision", "provision.creds")),
				"provision", errs)
			stream, err := provision.JetStream()
			w.must(err)

			victim := macs[1].name
			replies := []string{
				fleet.ChangesOf(victim), fleet.ChangesOf("GHOST"), fleet.KeptOf(victim),
				"$KV.USHER_MACS." + victim, "usher.v1.answer.q1." + victim,
				fleet.StatusOfAll, fleet.StatusOf(victim),
			}
			for _, name := range []string{fleet.ChangesStream, fleet.MacsStream} {
				for _, action := range []string{"DELETE", "PURGE", "UPDATE", "MSG.DELETE", "LEADER.STEPDOWN", "INFO"} {
					replies = append(replies, "$JS.API.STREAM."+action+"."+name)
				}
				replies = append(replies, "$JS.API.DIRECT.GET."+name, "$JS.API.CONSUMER.CREATE."+name+".x")
			}

			// All admins hear of it, and so does the Mac whose name is used.
			watching := w.admin()
			ctx, cancel := context.WithCancel(w.ctx)
			var watched sync.WaitGroup
			watched.Go(func() {
				watching.Watch(ctx, func(change *fleetview.Change) error {
					if change.Mac != "MAC-A" {
						t.Errorf("the watcher is shown %+v", change)
					}
					return nil
				}, nil)
			})
			defer watched.Wait()
			defer cancel()
			answers, err := w.rawAdmin(errs).SubscribeSync(fleet.EveryAnswer)
			w.must(err)

			published := 0
			for _, reply := range replies {
				for _, content := range []string{"", "{}", "x"} {
					w.must(mac.PublishRequest(fleet.ChangesOf("MAC-A"), reply, []byte(content)))
					w.must(mac.PublishRequest("usher.v1.answer.q0.MAC-A", reply, []byte(content)))
					published++
				}
			}
			w.must(mac.Flush())
			for _, reply := range replies {
				for _, name := range []string{fleet.ChangesStream, fleet.MacsStream} {
					for _, content := range []string{"", "{}", "x", `{"seq":1}`, `{"seq":999999}`,
						`{"seq":1,"batch":5}`, `{"last_by_subj":"` + fleet.ChangesOf(victim) + `"}`} {
						w.must(admin.PublishRequest("usher.v1.api.DIRECT.GET."+name, reply, []byte(content)))
						w.must(admin.PublishRequest("usher.v1.api.STREAM.INFO."+name, reply, []byte(content)))
					}
				}
				w.must(admin.PublishRequest(fleet.StatusOf("GHOST"), reply, []byte("x")))
			}
			w.must(admin.Flush())

			w.eventually("all allowed messages have arrived", func() bool {
				info, err := stream.StreamInfo(fleet.ChangesStream)
				w.must(err)
				if info.State.Msgs > uint64(published)+3 {
					t.Fatalf("the stream has %d messages, want %d and three before", info.State.Msgs, published)
				}
				return info.State.Msgs == uint64(published)+3
			})
			info, err := stream.StreamInfo(fleet.MacsStream)
			w.must(err)
			if info.State.NumSubjects != 3 {
				t.Errorf("the bucket has %d Macs, want 3", info.State.NumSubjects)
			}
			changes, err := stream.StreamInfo(fleet.ChangesStream)
			w.must(err)
			if changes.Config.MaxMsgs != -1 || changes.State.Consumers+info.State.Consumers != 0 ||
				!changes.Config.NoAck {
				t.Errorf("the streams are %+v and %+v", changes, info)
			}
			counts := w.stored(w.admin())
			if len(counts) != 1 || counts[victim] != 1 {
				t.Errorf("changes are read: %v", counts)
			}
			report, err := w.admin().Ask(w.ctx, fleetview.Question{Timeout: 2 * time.Second})
			w.must(err)
			if len(report.Macs) != 3 {
				t.Errorf("the fleet knows %+v", report.Macs)
			}
			for _, one := range report.Macs {
				if one.Mac == victim && (one.Answer != fleetview.Answered || len(one.Notes) != 0) {
					t.Errorf("%s is shown as %+v", victim, one)
				}
			}
			for {
				message, err := answers.NextMsg(100 * time.Millisecond)
				if err != nil {
					break
				}
				if strings.HasSuffix(message.Subject, victim) &&
					strings.HasPrefix(message.Subject, "usher.v1.answer.q1.") && len(message.Header) == 0 &&
					!strings.HasPrefix(string(message.Data), `{"type":"io.nats.jetstream.api.`) {
					t.Errorf("%q on %s would be taken for a message of that Mac", message.Data, message.Subject)
				}
			}
			select {
			case err := <-errs:
				t.Errorf("it was refused, but should only have no effect: %v", err)
			default:
			}
		})
	}
}

// A Mac with the credentials of another Mac reports that, and is not taken for the other one.
func TestAnothersCredentialsAreNotUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	how, err := w.Mac("MAC-A", time.Hour)
	w.must(err)
	other := w.start(w.macWith("MAC-B", how))
	w.eventually("MAC-B says whose credentials it has", func() bool {
		return strings.Contains(other.State().GetLastError(), "are for MAC-A, but this Mac is MAC-B")
	})
	report, err := w.admin().Ask(w.ctx, fleetview.Question{Timeout: 500 * time.Millisecond})
	w.must(err)
	if len(report.Macs) != 0 {
		t.Errorf("the fleet knows %+v", report.Macs)
	}
}

// Every answer is shown as it is, and counted once.
func TestOddAnswersAreShownAsSuch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	honest := w.macs(2)
	errs := make(chan error, 16)
	encoded := func(status *usherv1.MacStatus) []byte {
		content, err := proto.Marshal(status)
		w.must(err)
		return content
	}
	registered := usherv1.IdentityState_IDENTITY_STATE_REGISTERED
	now := timestamppb.Now()
	odd := map[string][][]byte{
		"GARBAGE": {[]byte("\xff\xfe no status \x00")},
		"EMPTY":   {{}},
		// From an usher before there were agents: no instance, no users, no state.
		"OLD": {encoded(&usherv1.MacStatus{Mac: "OLD", Version: "0.1.0"})},
		"CLONED": {encoded(&usherv1.MacStatus{Mac: "CLONED", Instance: "one", State: registered, Time: now}),
			encoded(&usherv1.MacStatus{Mac: "CLONED", Instance: "two", State: registered, Time: now})},
		"TWICE": {encoded(&usherv1.MacStatus{Mac: "TWICE", Instance: "one", State: registered, Time: now}),
			encoded(&usherv1.MacStatus{Mac: "TWICE", Instance: "one", State: registered, Time: now})},
		"FORGER": {encoded(&usherv1.MacStatus{Mac: honest[0].name, Instance: "x",
			State: usherv1.IdentityState_IDENTITY_STATE_NOT_REGISTERED, Time: now})},
		"SKEWED": {encoded(&usherv1.MacStatus{Mac: "SKEWED", Instance: "x", State: registered,
			Time: timestamppb.New(time.Now().Add(-3 * time.Hour))})},
		"NEWER": {encoded(&usherv1.MacStatus{Mac: "NEWER", Instance: "x", State: 4711, Time: now,
			Version: "9.0.0"})},
		"BAD-TEXT": {encoded(&usherv1.MacStatus{Mac: "BAD-TEXT", Instance: "x", State: registered, Time: now,
			ComputerName: "a\x1b[2J\u202eb"})},
	}
	for name, replies := range odd {
		how, err := w.Mac(name, time.Hour)
		w.must(err)
		conn := w.raw(how, name, errs)
		_, err = conn.Subscribe(fleet.StatusOfAll, func(request *nats.Msg) {
			asked := new(usherv1.StatusRequest)
			if err := proto.Unmarshal(request.Data, asked); err != nil {
				t.Error(err)
			}
			for _, reply := range replies {
				subject, _ := fleet.AnswerOf(asked.GetQuery(), name)
				conn.Publish(subject, reply)
			}
		})
		w.must(err)
		w.must(conn.Flush())
	}
	report, err := w.admin().Ask(w.ctx, fleetview.Question{Timeout: 2 * time.Second})
	w.must(err)
	total := 0
	for _, count := range report.Counts {
		total += count.Macs
	}
	if want := len(odd) + len(honest); len(report.Macs) != want || total != want {
		t.Errorf("%d Macs, %d counted, want %d", len(report.Macs), total, want)
	}
	for name, want := range map[string]struct {
		answer    fleetview.Answer
		state     string
		instances int
		note      string
	}{
		"GARBAGE":      {fleetview.Garbage, fleetview.Unknown, 1, "bytes that are no status"},
		"EMPTY":        {fleetview.Garbage, fleetview.Unknown, 1, "0 bytes that are no status"},
		"OLD":          {fleetview.Answered, fleetview.Unknown, 1, "usherd 0.1.0 tells less"},
		"CLONED":       {fleetview.Answered, "REGISTERED", 2, "2 Macs answer under this name"},
		"TWICE":        {fleetview.Answered, "REGISTERED", 1, ""},
		"FORGER":       {fleetview.Garbage, fleetview.Unknown, 1, "answered as " + honest[0].name},
		"SKEWED":       {fleetview.Answered, "REGISTERED", 1, "its clock is 3h"},
		"NEWER":        {fleetview.Answered, "CANNOT_TELL (4711)", 1, "which this usherctl does not know"},
		"BAD-TEXT":     {fleetview.Answered, "REGISTERED", 1, ""},
		honest[0].name: {fleetview.Answered, "REGISTERED", 1, ""},
	} {
		got := byName(report, name)
		if got == nil {
			t.Errorf("%s is missing", name)
			continue
		}
		notes := strings.Join(got.Notes, "; ")
		if got.Answer != want.answer || got.State != want.state || got.Instances != want.instances ||
			!strings.Contains(notes, want.note) || want.note == "" && notes != "" {
			t.Errorf("%s: %s %s, %d Macs, %q; want %+v", name, got.Answer, got.State, got.Instances, notes, want)
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
	how, err := stranger.Mac("MAC-A", time.Hour)
	w.must(err)
	how.Servers, how.CAFile = w.URLs(), filepath.Join(w.Directory, "macs", "ca.pem")
	mac := w.start(w.macWith("MAC-A", how))
	w.eventually("it learns that it is refused",
		func() bool { return strings.Contains(mac.State().GetLastError(), "does not know these credentials") })
	if mac.connected() {
		t.Error("a stranger is connected")
	}
	// And a Mac does not talk to servers of another authority.
	own, err := w.Mac("MAC-B", time.Hour)
	w.must(err)
	own.CAFile = filepath.Join(stranger.Directory, "macs", "ca.pem")
	careful := w.start(w.macWith("MAC-B", own))
	w.eventually("it does not trust the server", func() bool {
		return strings.Contains(careful.State().GetLastError(), "x509") &&
			strings.Contains(careful.State().GetLastError(), "fleet.ca_file")
	})
	_, err = nats.Connect(w.URLs()[0], nats.RootCAs(filepath.Join(w.Directory, "macs", "ca.pem")))
	if !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("without credentials: %v", err)
	}
	if text := fmt.Sprint(mac.log, careful.log); strings.Contains(text, "jane") {
		t.Error("the log says who is logged in")
	}
}

// hostile speaks NATS's protocol directly, since a client can write any headers.
type hostile struct {
	*tls.Conn
	lines *bufio.Reader
}

// hostile connects with a Mac's credentials.
func (w *world) hostile(how fleet.Access) *hostile {
	w.Helper()
	address := strings.TrimPrefix(how.Servers[0], "tls://")
	plain, err := net.Dial("tcp", address)
	w.must(err)
	w.Cleanup(func() { plain.Close() })
	greeting, err := bufio.NewReader(plain).ReadString('\n')
	w.must(err)
	var info struct{ Nonce string }
	w.must(json.Unmarshal([]byte(strings.TrimPrefix(greeting, "INFO ")), &info))
	secure := tls.Client(plain, &tls.Config{InsecureSkipVerify: true}) // this client is the one that nobody may trust
	content, err := os.ReadFile(how.CredentialsFile)
	w.must(err)
	token, err := nkeys.ParseDecoratedJWT(content)
	w.must(err)
	key, err := nkeys.ParseDecoratedUserNKey(content)
	w.must(err)
	signed, err := key.Sign([]byte(info.Nonce))
	w.must(err)
	h := &hostile{secure, bufio.NewReader(secure)}
	connect, err := json.Marshal(
		map[string]any{"jwt": token, "sig": base64.RawURLEncoding.EncodeToString(signed), "headers": true,
			"no_responders": true, "lang": "go", "version": "0", "protocol": 1})
	w.must(err)
	_, err = fmt.Fprintf(h, "CONNECT %s\r\n", connect)
	w.must(err)
	w.must(h.flush())
	return h
}

// flush returns when the server has taken everything. A refusal by the server is an error.
func (h *hostile) flush() error {
	if _, err := fmt.Fprintf(h, "PING\r\n"); err != nil {
		return err
	}
	for {
		line, err := h.lines.ReadString('\n')
		if err != nil || strings.HasPrefix(line, "PONG") {
			return err
		}
		if strings.HasPrefix(line, "-ERR") {
			return errors.New(line)
		}
	}
}

func (h *hostile) publish(subject, headers, content string) error {
	_, err := fmt.Fprintf(h, "HPUB %s %d %d\r\n%s%s\r\n", subject, len(headers), len(headers)+len(content), headers,
		content)
	return err
}

// A server adds its own headers to those of a Mac. Whatever the Mac wrote, its headers change no report about other
// Macs, and stop nobody from reading.
func TestHeadersTellOfNobodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	macs := w.macs(3)
	honest, silent := macs[0], macs[1]
	w.must(silent.change(1))
	w.eventually("a change is there", func() bool { return allPublished(macs) })
	silent.stop()
	how, err := w.Mac("EVIL", time.Hour)
	w.must(err)
	evil := w.hostile(how)
	forged, err := proto.Marshal(&usherv1.StatusChange{Id: "f", Uid: 501, Mac: &usherv1.MacStatus{
		Mac: silent.name, Instance: "x", ComputerName: "FORGED",
		State: usherv1.IdentityState_IDENTITY_STATE_NOT_REGISTERED,
	}})
	w.must(err)

	watching := w.admin()
	ctx, cancel := context.WithCancel(w.ctx)
	shown := make(chan *fleetview.Change, 1000)
	var watched sync.WaitGroup
	watched.Go(func() {
		if err := watching.Watch(ctx, func(change *fleetview.Change) error { shown <- change; return nil },
			nil); ctx.Err() == nil {
			t.Errorf("the watch ended: %v", err)
		}
	})
	defer watched.Wait()
	defer cancel()
	number := 10
	// nextOf has a Mac change, and reports whether that change is shown.
	nextOf := func(mac *mac, patience time.Duration) bool {
		t.Helper()
		number++
		w.must(mac.change(number))
		for over := time.After(patience); ; {
			select {
			case change := <-shown:
				if change.Mac == mac.name {
					return true
				}
				if change.Mac == silent.name {
					t.Errorf("the watcher is shown %+v", change)
				}
			case <-over:
				return false
			}
		}
	}
	w.eventually("the watch has begun", func() bool { return nextOf(macs[2], time.Second) })
	number = 10

	var whole strings.Builder
	for _, subject := range []string{fleet.ChangesOf(silent.name), "$KV.USHER_MACS." + silent.name} {
		fmt.Fprintf(&whole, "Nats-Stream: USHER_CHANGES\r\nNats-Subject: %s\r\nNats-Sequence: "+
			"1000000000\r\nNats-Time-Stamp: 2020-01-01T00:00:00Z\r\nNats-Num-Pending: 0\r\nNats-Last-Sequence: 7\r\n",
			subject)
	}
	for name, headers := range map[string]string{
		"another's subject":     "NATS/1.0\r\nNats-Subject: " + fleet.ChangesOf(silent.name) + "\r\n\r\n",
		"another's key":         "NATS/1.0\r\nNats-Subject: $KV.USHER_MACS." + silent.name + "\r\n\r\n",
		"no number":             "NATS/1.0\r\nNats-Sequence: x\r\n\r\n",
		"a large number":        "NATS/1.0\r\nNats-Sequence: 1000000000\r\n\r\n",
		"no time":               "NATS/1.0\r\nNats-Time-Stamp: x\r\n\r\n",
		"nothing there":         "NATS/1.0\r\nStatus: 404\r\n\r\n",
		"the end":               "NATS/1.0\r\nStatus: 204\r\nDescription: EOB\r\nNats-Num-Pending: 0\r\n\r\n",
		"no responders":         "NATS/1.0\r\nStatus: 503\r\n\r\n",
		"all, and an early end": "NATS/1.0\r\n" + whole.String() + "\r\nX: y\r\n\r\n",
		"503, and an early end": "NATS/1.0\r\nStatus: 503\r\n\r\nX: y\r\n\r\n",
		"an early end":          "NATS/1.0\r\n\r\nX: y\r\n\r\n",
		"no end":                "NATS/1.0\r\nX: y",
		"no header":             "NATS/1.0\r\nno colon\r\n\r\n",
		"noise":                 "NATS/1.0\x00\xff\r\n",
	} {
		for _, content := range []string{"", string(forged)} {
			w.must(evil.publish(fleet.ChangesOf("EVIL"), headers, content))
			if err := evil.flush(); err != nil {
				t.Logf("%s: %v", name, err) // it is refused, which is fine too
				evil = w.hostile(how)
				continue
			}
			admin := w.admin()
			report, err := admin.Ask(w.ctx, fleetview.Question{Timeout: 700 * time.Millisecond})
			if err != nil || len(report.Warnings) != 0 || len(report.Macs) != 4 {
				t.Errorf("%s: the fleet is %+v, %v", name, report, err)
				continue
			}
			for _, one := range report.Macs {
				if one.Mac == silent.name &&
					(one.Answer != fleetview.Silent || one.Computer != "Computer of "+silent.name ||
						one.State != "REGISTERED" || time.Since(one.Seen) > time.Hour) {
					t.Errorf("%s: %+v", name, one)
				}
			}
			counts := w.stored(admin)
			if counts[silent.name] != 1 || counts[honest.name] != number-10 {
				t.Errorf("%s: changes are read: %v", name, counts)
			}
			if !nextOf(honest, within) {
				t.Errorf("%s: the watcher is not shown a change any more", name)
			}
		}
	}
}
