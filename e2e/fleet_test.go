//go:build linux

package e2e

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"usher.internal/internal/fleet"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/mac"
	"usher.internal/sim/natsserver"
)

// fleetStatus is what `usherctl fleet status --json` prints.
type fleetStatus struct {
	Data struct {
		Macs []struct {
			Mac, Answer, State, User, Registration string
			Problems, Notes                        []string
			Instances                              int
		}
		Warnings []string
	}
}

// fleetMac is what `usherctl fleet mac --json` prints.
type fleetMac struct {
	Data struct {
		Mac     struct{ Answer, State string }
		History []fleetChange
	}
}

type fleetChange struct {
	User, State, Registration string
	UID                       uint32
	PortalExitCode            *int `json:"portal_exit_code"`
}

const macName = "MAC-OF-THE-STORY"

// withFleet starts a server and configures the Mac as a member of its fleet.
func (s *story) withFleet(settings map[string]any) *natsserver.Fleet {
	s.t.Helper()
	servers, err := natsserver.New(s.t.TempDir(), 1)
	s.must(err)
	s.t.Cleanup(servers.Stop)
	s.must(servers.Start(s.ctx))
	how, err := servers.Mac(macName, time.Hour)
	s.must(err)
	all := map[string]any{"fleet.servers": how.Servers, "fleet.ca_file": how.CAFile,
		"fleet.credentials_file": how.CredentialsFile, "fleet.mac": macName}
	for key, value := range settings {
		all[key] = value
	}
	s.must(s.Set(all))
	return servers
}

// fleet runs `usherctl fleet` as an admin of the fleet, who needs no rights on any Mac.
func (s *story) fleet(servers *natsserver.Fleet, exitCode int, arguments ...string) string {
	s.t.Helper()
	return s.control(exitCode, append([]string{"fleet", "--fleet", servers.Directory}, arguments...)...).Stdout
}

// The fleet sees a registration, live and in the history, with the same truth as the Mac. Events during an absence of
// the server and of usherd are published when both are back.
func TestFleetIsToldOfEveryChange(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	servers := s.withFleet(nil)
	s.start()
	jane := s.known("jane")
	s.waitHelperLog(`msg="connected to the fleet"`)
	s.control(0, "register", "--user", jane.Name, "--wait")
	s.wantFleet(servers, func(found fleetMac) bool {
		return found.Data.Mac.State == "REGISTERED" &&
			slices.ContainsFunc(found.Data.History, func(change fleetChange) bool {
				return change.User == jane.Name && change.Registration == "SUCCEEDED" && change.State == "REGISTERED" &&
					change.PortalExitCode != nil && *change.PortalExitCode == 0
			})
	})
	found := decode[fleetStatus](t, s.fleet(servers, 0, "status", "--json")).Data
	if len(found.Macs) != 1 || found.Macs[0].Mac != macName || found.Macs[0].Answer != "ANSWERED" ||
		found.Macs[0].User != jane.Name ||
		found.Macs[0].Registration != "SUCCEEDED" || found.Macs[0].Instances != 1 || len(found.Warnings) > 0 {
		t.Errorf("the fleet has received %+v", found)
	}

	// The server is away, and usherd is killed with unpublished changes.
	servers.Servers[0].Kill()
	john := s.known("john")
	s.must(john.SetPortal(mac.PortalSettings{"exit_code": 66, "leave": "nothing"}))
	s.control(66, "register", "--user", john.Name, "--wait")
	s.waitHelperLog("not connected to the fleet")
	status, err := s.Control(s.ctx, "status")
	s.must(err)
	if !strings.Contains(status.Stdout, "The fleet does not get the state of this Mac: not connected") {
		t.Errorf("status says\n%s", status.Stdout)
	}
	s.KillHelper()
	s.start()
	if found := decode[fleetStatus](t,
		s.control(24, "fleet", "--fleet", servers.Directory, "status", "--json").Stdout); len(found.Data.Macs) != 0 {
		t.Errorf("without a server the fleet has received %+v", found)
	}
	s.must(servers.Servers[0].Start(s.ctx))
	s.wantFleet(servers, func(found fleetMac) bool {
		failed := 0
		for _, change := range found.Data.History {
			if change.Registration == "FAILED: PORTAL_FAILED" {
				failed++
				if change.PortalExitCode == nil || *change.PortalExitCode != 66 {
					t.Errorf("the change is %+v", change)
				}
			}
		}
		return failed == 1
	})
	status, err = s.Control(s.ctx, "status", "--json")
	s.must(err)
	if fleet := decode[struct {
		Data struct {
			Fleet struct {
				Mac, Server string
				LastError   string `json:"last_error"`
				Unpublished int
			}
		}
	}](t, status.Stdout).Data.Fleet; fleet.Mac != macName || fleet.Server == "" || fleet.LastError != "" ||
		fleet.Unpublished != 0 {
		t.Errorf("status says %+v", fleet)
	}
	// A user learns nothing about the fleet.
	own, err := jane.Control(s.ctx, "status", "--json")
	s.must(err)
	if strings.Contains(own.Stdout, macName) {
		t.Error("a user sees the fleet's name of this Mac")
	}
}

// wantFleet waits until the fleet's view of the Mac is correct.
func (s *story) wantFleet(servers *natsserver.Fleet, so func(fleetMac) bool) {
	s.t.Helper()
	var last string
	for {
		result, err := s.Control(s.ctx, "fleet", "--fleet", servers.Directory, "mac", macName, "--json",
			"--limit", "0", "--timeout", "1s")
		s.must(err)
		if result.ExitCode == 0 && so(decode[fleetMac](s.t, result.Stdout)) {
			return
		}
		last = result.Stdout
		select { // publishing sends no event that this test could wait for
		case <-time.After(100 * time.Millisecond):
		case <-s.ctx.Done():
			s.t.Fatalf("the fleet still sees %s\n%s", last, s.Helper.Log())
		}
	}
}

// No message that anybody sends to a Mac over the fleet changes anything there. The test sends every message of the
// contract to every subject that could be meant for the Mac.
func TestNothingIsDoneToAMacOverTheFleet(t *testing.T) {
	s := newStory(t, map[string]any{"identity.look_automatically": false})
	// A server without any permissions: here the Mac has to refuse.
	server := s.openServer()
	s.must(s.Set(map[string]any{"fleet.servers": []string{server.URL}, "fleet.nkey_file": server.seed,
		"fleet.mac": macName}))
	s.start()
	jane := s.known("jane")
	s.waitHelperLog(`msg="connected to the fleet"`)
	conn, err := nats.Connect(server.URL, nats.UserInfo("anybody", "anything"),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	s.must(err)
	defer conn.Close()
	answered := make(chan *nats.Msg, 10_000)
	_, err = conn.ChanSubscribe("usher.v1.answer.await.*", answered)
	s.must(err)
	ask := func(subject string, content []byte) {
		s.must(conn.PublishMsg(&nats.Msg{Subject: subject, Reply: "usher.v1.answer.walk", Data: content}))
	}
	question, err := proto.Marshal(&usherv1.StatusRequest{Query: "await"})
	s.must(err)
	await := func() {
		t.Helper()
		for {
			s.must(conn.Publish(fleet.StatusOf(macName), question))
			select {
			case <-answered:
				return
			case <-time.After(300 * time.Millisecond): // it answers a limited number in a second, and drops the others
			case <-s.ctx.Done():
				t.Fatal("the Mac does not answer any more")
			}
		}
	}
	await()
	s.waitHelperLog("another user is at the Mac")
	before := s.everythingKept()

	subjects := []string{fleet.StatusOfAll, fleet.StatusOf(macName), fleet.ChangesOf(macName),
		"usher.v1.command." + macName, "usher.v1.answer.walk." + macName,
		fleet.KeptOf(macName), fleet.InboxOf(macName) + ".x", fleet.InboxOf(macName) + ".x.y"}
	var messages [][]byte
	protoregistry.GlobalFiles.RangeFilesByPackage("usher.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				method := service.Methods().Get(j)
				for _, prefix := range []string{"", "usher.v1.", "usher.v1.status.", "usher.v1." + macName + "."} {
					subjects = append(subjects, prefix+string(method.FullName()), prefix+string(method.Name()),
						prefix+string(method.Name())+"."+macName)
				}
				kind, err := protoregistry.GlobalTypes.FindMessageByName(method.Input().FullName())
				s.must(err)
				content, err := proto.Marshal(filled(kind.New(), jane.Name).Interface())
				s.must(err)
				messages = append(messages, content)
			}
		}
		return true
	})
	if len(messages) < 20 {
		t.Fatalf("only %d methods were found", len(messages))
	}
	for _, subject := range subjects {
		for _, content := range messages {
			ask(subject, content)
		}
	}
	s.must(conn.Flush())
	await()
	if after := s.everythingKept(); after != before {
		t.Errorf("the stored state of the Mac has changed from\n%s\nto\n%s", before, after)
	}
	if runs, err := jane.PortalRuns(); err != nil || len(runs) != 0 {
		t.Errorf("Company Portal ran: %q %v", runs, err)
	}
	// It listens to questions, and to the servers' acknowledgements of its own changes.
	subscriptions := server.subscriptions(t, s.ctx, "usherd "+macName)
	for _, one := range subscriptions {
		if one != fleet.StatusOfAll && one != fleet.StatusOf(macName) && one != fleet.KeptOf(macName) {
			t.Errorf("the Mac listens to %s", one)
		}
	}
	if !slices.Contains(subscriptions, fleet.StatusOfAll) ||
		!slices.Contains(subscriptions, fleet.StatusOf(macName)) {
		t.Errorf("the Mac listens to %q", subscriptions)
	}
}

// filled sets a message's fields to values that would have an effect: the user, true, numbers.
func filled(message protoreflect.Message, user string) protoreflect.Message {
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if field.IsList() || field.IsMap() {
			continue
		}
		switch field.Kind() {
		case protoreflect.StringKind:
			message.Set(field, protoreflect.ValueOfString(user))
		case protoreflect.BoolKind:
			message.Set(field, protoreflect.ValueOfBool(true))
		case protoreflect.EnumKind:
			message.Set(field, protoreflect.ValueOfEnum(1))
		}
	}
	return message
}

// everythingKept is all that usherd stores of this Mac: its journal and its registrations.
func (s *story) everythingKept() string {
	s.t.Helper()
	content, err := os.ReadFile(filepath.Join(s.StateDirectory(), "journal.db"))
	s.must(err)
	return fmt.Sprintf("%x\n%s", sum(content), s.control(0, "registrations", "list", "--json").Stdout)
}

// The listener has the same truth as the helper's socket. Of the helper's methods it serves only GetStatus and
// WatchStatus.
func TestNothingIsDoneToAMacOverTheListener(t *testing.T) {
	s := newStory(t, map[string]any{"identity.look_automatically": false})
	client := s.withListener("monitor.example.org")
	s.start()
	jane := s.known("jane")
	s.waitHelperLog("listener answers")
	s.waitHelperLog("another user is at the Mac")
	before := s.everythingKept()
	answered := 0
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				method := service.Methods().Get(j)
				kind, err := protoregistry.GlobalTypes.FindMessageByName(method.Input().FullName())
				if err != nil {
					continue // of a library that usher does not serve
				}
				path := fmt.Sprintf("/%s/%s", service.FullName(), method.Name())
				for _, request := range []protoreflect.Message{kind.New(), filled(kind.New(), jane.Name)} {
					if s.callAfar(client(), path, request.Interface()) == nil {
						answered++
						if path != "/usher.v1.StatusService/GetStatus" &&
							path != "/usher.v1.StatusService/WatchStatus" {
							t.Errorf("the listener answers %s", path)
						}
					}
				}
			}
		}
		return true
	})
	if answered < 2 {
		t.Errorf("%d calls were answered, want GetStatus and WatchStatus at least", answered)
	}
	if after := s.everythingKept(); after != before {
		t.Errorf("the stored state of the Mac has changed from\n%s\nto\n%s", before, after)
	}
	if runs, err := jane.PortalRuns(); err != nil || len(runs) != 0 {
		t.Errorf("Company Portal ran: %q %v", runs, err)
	}
}

// An admin of a fleet sees a change as it happens, tables for programs, and a page.
func TestFleetIsShown(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	servers := s.withFleet(nil)
	watching, err := s.StartControl("fleet", "--fleet", servers.Directory, "watch", "--json")
	s.must(err)
	s.start()
	jane := s.known("jane")
	s.waitHelperLog(`msg="connected to the fleet"`)
	s.control(0, "register", "--user", jane.Name, "--wait")
	_, err = watching.WaitLog(s.ctx, `"registration":"SUCCEEDED"`, 0)
	s.must(err)
	s.must(watching.Signal(syscall.SIGINT))
	if code := watching.ExitCode(); code != 130 {
		t.Errorf("an interrupted watch ends with %d", code)
	}

	text := s.fleet(servers, 0, "status")
	if fields := strings.Split(strings.TrimSpace(text), "\t"); len(fields) != 9 || fields[0] != macName ||
		fields[2] != jane.Name || fields[3] != "REGISTERED" || fields[4] != "ANSWERED" {
		t.Errorf("the table is %q", text)
	}
	rows, err := csv.NewReader(strings.NewReader(s.fleet(servers, 0, "status", "--csv"))).ReadAll()
	s.must(err)
	if len(rows) != 2 || rows[0][0] != "mac" || rows[1][0] != macName || rows[1][2] != "REGISTERED" {
		t.Errorf("the lines are %q", rows)
	}
	for filter, want := range map[string]int{"state=registered": 1, "state=NOT_REGISTERED,ORPHANED": 0,
		"mac=mac-*": 1} {
		if got := len(decode[fleetStatus](t,
			s.fleet(servers, 0, "status", "--json", "--filter", filter)).Data.Macs); got != want {
			t.Errorf("of %s there are %d", filter, got)
		}
	}
	page := filepath.Join(t.TempDir(), "fleet.html")
	s.fleet(servers, 0, "status", "--html", page)
	content, err := os.ReadFile(page)
	s.must(err)
	for _, want := range []string{"1 Mac: 1 answered", macName, jane.Name, "This page holds personal data"} {
		if !strings.Contains(string(content), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if text := s.control(0, "status").Stdout; !regexp.MustCompile(
		`(?m)^fleet: +` + macName + `, tls://127\.0\.0\.1:\d+ since .*, 0 unpublished$`).MatchString(text) {
		t.Errorf("on the Mac its connection is reported as\n%s", text)
	}
	if text := s.fleet(servers, 0, "mac", macName); !strings.Contains(text,
		"registration SUCCEEDED; Company Portal ended with 0") {
		t.Errorf("the Mac is reported as\n%s", text)
	}
	s.control(14, "fleet", "--fleet", servers.Directory, "mac", "NOBODY", "--timeout", "200ms")
}
