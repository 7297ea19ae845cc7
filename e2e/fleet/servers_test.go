package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"

	"usher.internal/ctl/fleetsetup"
	"usher.internal/ctl/fleetview"
	"usher.internal/internal/fleet"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/natsserver"
)

// A server is lost while answers arrive: every Mac is in the report once, and answers.
func TestServerDiesInTheMiddleOfAQuestion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	macs := w.macs(60)
	admin := w.admin()
	var once sync.Once
	var killed sync.WaitGroup
	// The server with most Macs.
	on := make(map[string]int)
	for _, mac := range macs {
		on[mac.State().GetServer()]++
	}
	victim := w.Servers[0]
	for _, server := range w.Servers {
		if on["tls://"+fmt.Sprintf("%s:%d", server.Host, server.Port)] >
			on["tls://"+fmt.Sprintf("%s:%d", victim.Host, victim.Port)] {
			victim = server
		}
	}
	report, err := admin.Ask(w.ctx, fleetview.Question{Timeout: 20 * time.Second, Progress: func(answered, _ int) {
		if answered > 0 {
			once.Do(func() { killed.Go(victim.Kill) })
		}
	}})
	killed.Wait()
	w.must(err)
	wantAll(t, report, macs)
	// The next question runs with one server less.
	if report, err = admin.Ask(w.ctx, fleetview.Question{Timeout: 20 * time.Second}); err != nil {
		t.Fatal(err)
	}
	wantAll(t, report, macs)
}

func wantAll(t *testing.T, report *fleetview.Report, macs []*mac) {
	t.Helper()
	if len(report.Macs) != len(macs) {
		t.Errorf("%d Macs are in the report of %d: %q", len(report.Macs), len(macs), report.Warnings)
	}
	for _, mac := range macs {
		row := byName(report, mac.name)
		if row == nil || row.Answer != fleetview.Answered || row.State != "REGISTERED" ||
			row.Instances != 1 || len(row.Notes) > 0 {
			t.Errorf("%s: %+v", mac.name, row)
		}
	}
}

// stored are the changes of each Mac in the stream, in order, without those that report a new connection.
func (w *world) stored(admin *fleetview.Client) map[string]int {
	w.Helper()
	counts := make(map[string]int)
	w.must(admin.Changes(w.ctx, "", func(change *fleetview.Change) error {
		if change.UID != 0 {
			counts[change.Mac]++
		}
		return nil
	}))
	return counts
}

// Changes come without a pause while one server is lost, and then all of them: each change arrives once and in order.
func TestChangesOutliveTheirServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	macs := w.macs(12)
	const each = 40
	var changing sync.WaitGroup
	half := make(chan struct{}, len(macs))
	for _, mac := range macs {
		changing.Go(func() {
			for number := range each {
				if err := mac.change(number); err != nil {
					t.Error(err)
				}
				if number == each/4 {
					half <- struct{}{}
				}
			}
		})
	}
	for range macs {
		<-half
	}
	w.Servers[0].Kill()
	changing.Wait()
	defer func() {
		if t.Failed() {
			for _, mac := range macs {
				t.Logf("%s: %d unpublished, %s\n%s", mac.name, mac.unpublished(), mac.State(), mac.log)
			}
		}
	}()
	// With two of three servers the stream continues.
	w.eventually("the changes are published through the two remaining servers",
		func() bool { return allPublished(macs) })

	// Then the whole cluster is away for a while.
	w.Servers[1].Kill()
	w.Servers[2].Kill()
	for _, mac := range macs {
		for number := range each {
			w.must(mac.change(each + number))
		}
	}
	for _, mac := range macs {
		w.eventually(mac.name+" knows that there is no server",
			func() bool { return !mac.connected() && mac.State().GetUnpublished() == each })
		if mac.unpublished() != each {
			t.Errorf("%s has %d changes to publish, want %d", mac.name, mac.unpublished(), each)
		}
	}
	for _, server := range w.Servers {
		w.must(server.Start(w.ctx))
	}
	for _, mac := range macs { // as when a network comes back; without this call they try again in their own time
		mac.NetworkChanged()
	}
	w.eventually("everything is published", func() bool { return allPublished(macs) })
	admin := w.admin()
	w.eventually("the stream has all of it, once", func() bool {
		counts := w.stored(admin)
		for _, mac := range macs {
			if counts[mac.name] != 2*each {
				t.Logf("%s: %d", mac.name, counts[mac.name])
				return false
			}
		}
		return true
	})
	report, err := admin.Ask(w.ctx, fleetview.Question{Timeout: 10 * time.Second})
	w.must(err)
	wantAll(t, report, macs)
}

func allPublished(macs []*mac) bool {
	for _, mac := range macs {
		if mac.unpublished() != 0 {
			return false
		}
	}
	return true
}

// A change whose acknowledgement is lost is published again, and is in the stream once.
func TestChangeThatIsPublishedTwiceIsThereOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	how, err := w.Mac("MAC-A", time.Hour)
	w.must(err)
	conn := w.raw(how, "MAC-A", make(chan error, 1))
	publish := func(id string, header bool) {
		content, err := proto.Marshal(
			&usherv1.StatusChange{Id: id, Uid: 501, Mac: &usherv1.MacStatus{Mac: "MAC-A", Instance: "x"}})
		w.must(err)
		message := &nats.Msg{Subject: fleet.ChangesOf("MAC-A"), Data: content, Header: nats.Header{}}
		if header {
			message.Header.Set("Nats-Msg-Id", "MAC-A/"+id)
		}
		w.must(conn.PublishMsg(message))
	}
	kept, err := conn.SubscribeSync(fleet.KeptOf("MAC-A"))
	w.must(err)
	publish("1", true)
	publish("1", true)  // the server drops it
	publish("2", false) // where the server has forgotten the first copy, the reader drops the second
	publish("2", false)
	publish("1", false)
	for range 4 {
		_, err := kept.NextMsg(within)
		w.must(err)
	}
	if counts := w.stored(w.admin()); counts["MAC-A"] != 2 {
		t.Errorf("%d changes are read, want 2", counts["MAC-A"])
	}
}

// A watcher sees each change once, also when one server or all servers are lost.
func TestWatchGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	macs := w.macs(3)
	watcher := w.admin()
	ctx, cancel := context.WithCancel(w.ctx)
	seen := make(chan *fleetview.Change, 1000)
	var watching sync.WaitGroup
	watching.Go(func() {
		if err := watcher.Watch(ctx, func(change *fleetview.Change) error { seen <- change; return nil },
			nil); ctx.Err() ==
			nil {
			t.Errorf("watching ended: %v", err)
		}
	})
	defer watching.Wait()
	defer cancel()
	wantNext := func(name string) {
		t.Helper()
		for {
			select {
			case change := <-seen:
				if change.Mac == name && change.UID == 501 {
					if change.State != "REGISTERED" || change.User != "jane" || change.Computer == "" {
						t.Errorf("a change is %+v", change)
					}
					return
				}
			case <-time.After(within):
				t.Fatalf("no change of %s was seen", name)
			}
		}
	}
	// Before the watch begins nothing is visible: the test makes changes until it sees one.
	w.eventually("the watch has begun", func() bool {
		w.must(macs[0].change(0))
		select {
		case <-seen:
			return true
		case <-time.After(200 * time.Millisecond):
			return false
		}
	})
	w.Servers[1].Kill()
	w.must(macs[1].change(1))
	wantNext(macs[1].name)
	w.must(w.Servers[1].Start(w.ctx))
	for _, server := range w.Servers {
		server.Kill()
	}
	w.must(macs[2].change(2))
	for _, server := range w.Servers {
		w.must(server.Start(w.ctx))
	}
	macs[2].NetworkChanged()
	wantNext(macs[2].name)
}

// A client that asks and does not listen, or asks too often, does not keep others from answers.
func TestSlowAndGreedyAdminsHarmNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	macs := w.macs(20)
	how := w.Access(filepath.Join(w.Directory, "admin", "admin.creds"))
	how.CAFile = filepath.Join(w.Directory, "admin", "ca.pem")
	errs := make(chan error, 1000)
	greedy := w.raw(how, "admin", errs)
	release := make(chan struct{})
	defer close(release)
	slow, err := greedy.Subscribe(fleet.EveryAnswer, func(*nats.Msg) { <-release })
	w.must(err)
	w.must(slow.SetPendingLimits(10, 1<<20))
	flooding, stop := context.WithCancel(w.ctx)
	var flood sync.WaitGroup
	flood.Go(func() {
		for number := 0; flooding.Err() == nil && number < 50_000; number++ {
			if greedy.Publish(fleet.StatusOfAll, asked("greedy")) != nil {
				return
			}
			if number%100 == 0 && greedy.Flush() != nil {
				return
			}
		}
	})
	defer flood.Wait()
	defer stop()
	// A Mac gives ten answers a second in total: during a flood, a question may get none from it. The test wants three
	// things: the Mac answers the next question, changes are published meanwhile, and memory remains bounded.
	w.must(macs[0].change(1))
	w.eventually("a change is published in the middle of it", func() bool { return macs[0].unpublished() == 0 })
	admin := w.admin()
	w.eventually("everybody is known meanwhile", func() bool {
		report, err := admin.Ask(w.ctx, fleetview.Question{Timeout: time.Second})
		w.must(err)
		return len(report.Macs) == len(macs)
	})
	stop()
	flood.Wait()
	w.eventually("everybody answers when it is over", func() bool {
		report, err := admin.Ask(w.ctx, fleetview.Question{Timeout: 5 * time.Second})
		w.must(err)
		for _, one := range report.Counts {
			if one.Silent > 0 {
				return false
			}
		}
		return len(report.Macs) == len(macs)
	})
}

// Expired credentials are reported, and new ones take effect as soon as they are there.
func TestCredentialsExpireAndAreRenewed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	how, err := w.Mac("MAC-A", 3*time.Second)
	w.must(err)
	mac := w.start(w.macWith("MAC-A", how))
	w.eventually("it is connected", mac.connected)
	if end := mac.State().GetExpireTime().AsTime(); !fleet.ExpiresSoon(end, time.Now()) ||
		time.Until(end) > 3*time.Second {
		t.Errorf("it reports that they are valid until %s", end)
	}
	w.eventually("they have expired", func() bool { return strings.Contains(mac.State().GetLastError(), "expired") })
	w.eventually("it is not connected any more", func() bool { return !mac.connected() })
	w.must(mac.change(1))

	renewed := filepath.Join(t.TempDir(), "renewed")
	_, err = fleetsetup.CredentialsFor(w.Directory, []string{"MAC-A"}, renewed, time.Hour)
	w.must(err)
	w.must(os.Rename(filepath.Join(renewed, "MAC-A.creds"), how.CredentialsFile))
	w.eventually("it is connected with the new ones",
		func() bool { return mac.connected() && mac.State().GetLastError() == "" })
	w.eventually("the changes of that time are published", func() bool { return mac.unpublished() == 0 })
}

// asked is a question to the fleet.
func asked(query string) []byte {
	content, err := proto.Marshal(&usherv1.StatusRequest{Query: query})
	if err != nil {
		panic(err)
	}
	return content
}

// Where the configuration says so, a Mac reports everything without personal data.
func TestPersonalDataIsLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	mac := w.newMac("MAC-A")
	settings := *mac.settings.Load()
	settings.PersonalData = false
	mac.settings.Store(&settings)
	w.start(mac)
	w.must(mac.change(1))
	how := w.Access(filepath.Join(w.Directory, "admin", "admin.creds"))
	how.CAFile = filepath.Join(w.Directory, "admin", "ca.pem")
	conn := w.raw(how, "admin", make(chan error, 1))
	answers, err := conn.SubscribeSync(fleet.EveryAnswer)
	w.must(err)
	var sent []byte
	w.eventually("it answers", func() bool {
		w.must(conn.Publish(fleet.StatusOfAll, asked("q")))
		message, err := answers.NextMsg(200 * time.Millisecond)
		if err == nil {
			sent = message.Data
		}
		return err == nil
	})
	w.eventually("its change is published", func() bool { return mac.unpublished() == 0 })
	last, err := conn.Request("usher.v1.api.DIRECT.GET.USHER_CHANGES",
		[]byte(`{"last_by_subj":"usher.v1.change.MAC-A"}`), within)
	w.must(err)
	for what, content := range map[string][]byte{"an answer": sent, "a change": last.Data} {
		for _, personal := range []string{"jane", "Computer of", "the-device-id", "example.org"} {
			if strings.Contains(string(content), personal) {
				t.Errorf("%s reports %q: %q", what, personal, content)
			}
		}
		if !strings.Contains(string(content), "MAC-A") {
			t.Errorf("%s says nothing: %q", what, content)
		}
	}
}

// The folder of a fleet is private, and a second fleet does not replace it.
func TestFilesOfAFleet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.must(filepath.Walk(w.Directory, func(path string, info os.FileInfo, err error) error {
		w.must(err)
		name := info.Name()
		private := strings.HasSuffix(name, ".nk") || strings.HasSuffix(name, ".creds") ||
			strings.HasSuffix(name, "-key.pem") || name == "nats-server.conf"
		if private && info.Mode().Perm() != 0o600 || info.IsDir() && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	}))
	_, err := fleetsetup.Write(fleetsetup.Options{
		Directory: w.Directory, Servers: []string{"a"}, Port: 1, ClusterPort: 2, StorageBytes: 1 << 30,
		InstallDirectory: "/x", StoreDirectory: "/y",
		AdminValid: time.Hour, CertificatesValid: time.Hour,
	})
	if err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("a second fleet: %v", err)
	}
	_, err = w.Mac("MAC-A", time.Hour)
	w.must(err)
	if _, err = w.Mac("MAC-A", time.Hour); err == nil {
		t.Error("credentials were overwritten")
	}
}

// A limit that the servers cannot meet is refused with that reason, and the existing limit remains.
func TestMoreRoomThanThereIsIsRefused(t *testing.T) {
	t.Parallel()
	for _, servers := range []int{1, 3} {
		t.Run(fmt.Sprint(servers), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, servers)
			client, err := w.Client(w.ctx, filepath.Join(w.Directory, "keys", "provision"))
			w.must(err)
			defer client.Close()
			wanted := fleetview.Streams{Keep: time.Hour, Forget: time.Hour, Replicas: servers, StorageBytes: 1 << 50}
			if _, err := client.Provision(w.ctx, wanted); !errors.Is(err, fleetview.ErrNoRoom) {
				t.Errorf("got %v", err)
			}
			w.must(w.Provision(w.ctx))
		})
	}
}

// Settings that are not given remain. A caller with an admin's credentials learns at once that they are the wrong ones
// for this. Without a stream, the bucket can be created again.
func TestProvisionAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	client, err := w.Client(w.ctx, filepath.Join(w.Directory, "keys", "provision"))
	w.must(err)
	defer client.Close()
	first := fleetview.Streams{Keep: 180 * 24 * time.Hour, Forget: 800 * 24 * time.Hour, Replicas: 1,
		StorageBytes: 256 << 20}
	made, err := client.Provision(w.ctx, first)
	w.must(err)
	if made != first {
		t.Errorf("made are %+v", made)
	}
	first.StorageBytes = 512 << 20
	if made, err = client.Provision(w.ctx, fleetview.Streams{StorageBytes: 512 << 20}); err != nil || made != first {
		t.Errorf("changed, they are %+v, %v", made, err)
	}
	began := time.Now()
	if _, err := w.admin().Provision(w.ctx, fleetview.Streams{}); !errors.Is(err, fleetview.ErrNotPermitted) ||
		time.Since(began) > 5*time.Second {
		t.Errorf("an admin gets %v after %s", err, time.Since(began))
	}

	mac := w.macs(1)[0]
	w.must(mac.change(1))
	w.eventually("a change is there", func() bool { return mac.unpublished() == 0 })
	mac.stop()
	if _, err := client.Provision(w.ctx, fleetview.Streams{NewBucket: true}); err != nil {
		t.Error(err)
	}
	admin := w.admin()
	w.eventually("the bucket is filled from the stream again", func() bool {
		report, err := admin.Ask(w.ctx, fleetview.Question{Timeout: 200 * time.Millisecond})
		w.must(err)
		return len(report.Macs) == 1 && report.Macs[0].Mac == mac.name
	})
}

// A bucket whose stream is gone would never change: the check reports that, and fixes it on request.
func TestHalfOfWhatWasKept(t *testing.T) {
	t.Parallel()
	w := &world{T: t, Fleet: &natsserver.Fleet{}, ctx: t.Context()}
	port := freePort(t)
	configuration := filepath.Join(t.TempDir(), "nats-server.conf")
	w.must(os.WriteFile(configuration,
		fmt.Appendf(nil, "listen: \"127.0.0.1:%d\"\njetstream { store_dir: %q }\n", port, t.TempDir()), 0o600))
	server := natsserver.NewServer("127.0.0.1", port, configuration)
	t.Cleanup(server.Kill)
	w.must(server.Start(w.ctx))
	how := fleet.Access{Servers: []string{fmt.Sprintf("nats://127.0.0.1:%d", port)}}
	client, err := fleetview.Connect(w.ctx, how, "provision")
	w.must(err)
	defer client.Close()
	_, err = client.Provision(w.ctx, fleetview.Streams{StorageBytes: 64 << 20})
	w.must(err)
	stream, err := w.raw(how, "anybody", make(chan error, 1)).JetStream()
	w.must(err)
	w.must(stream.DeleteStream(fleet.ChangesStream))
	if _, err := client.Provision(w.ctx, fleetview.Streams{}); !errors.Is(err, fleetview.ErrHalf) {
		t.Errorf("it is reported as %v", err)
	}
	if _, err := client.Provision(w.ctx, fleetview.Streams{NewBucket: true}); err != nil {
		t.Error(err)
	}
	if _, err := stream.StreamInfo(fleet.ChangesStream); err != nil {
		t.Error(err)
	}
}
