package helper

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"usher.internal/helper/clean"
	"usher.internal/helper/delivery"
	"usher.internal/helper/observation"
	"usher.internal/helper/registration"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
	"usher.internal/internal/earlier"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

var (
	mutations      = flag.Int("mutations", 2000, "how many damaged journals TestMutatedJournals opens")
	updateJournals = flag.Bool("update-journals", false, "make the journals that TestMutatedJournals damages again")
	mutationSeed   = flag.Uint64("mutation-seed", 0,
		"the seed of the first damaged journal; 0 is a random one. `-mutations 1` with the seed of a "+
			"failure repeats it")
)

// A journal of which bits, pages or lengths have changed either holds what it held, or says what is missing: usherd
// starts, everything that it still shows is as it was, and the next registration goes well.
func TestMutatedJournals(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1 << 30))
	journals := realJournals(t)
	seed := *mutationSeed
	if seed == 0 {
		seed = rand.Uint64()>>12 + 1
	}
	outcomes := map[string]int{}
	directory := inMemory(t)
	try := func(repeat string, original realJournal, image []byte, what string) {
		var outcome string
		var err error
		alarm := time.AfterFunc(time.Minute, func() { panic(repeat + ": a damaged journal takes a minute") })
		synctest.Test(t, func(*testing.T) { outcome, err = survive(directory, image, original.holds) })
		alarm.Stop()
		if err != nil {
			t.Errorf("%s (%s of %s): %v", repeat, what, original.name, err)
		}
		outcomes[outcome]++
	}
	for _, bad := range worst(t, journals) {
		try("worst.txt", bad.of, bad.image, bad.what)
	}
	for i := range *mutations {
		random := rand.New(rand.NewPCG(seed+uint64(i), 0))
		original := journals[0] // the smallest, which takes the least time
		if i := random.IntN(8); i < len(journals) {
			original = journals[i]
		}
		image, what := mutate(random, original.image)
		try(fmt.Sprintf("-mutation-seed %d -mutations 1", seed+uint64(i)), original, image, what)
		if t.Failed() && i > 100 {
			break
		}
	}
	t.Logf("seed %d: %v", seed, outcomes)
}

// inMemory is a temporary directory in memory where there is such a thing: each case waits for the disk some thirty
// times otherwise.
func inMemory(t *testing.T) string {
	t.Helper()
	directory, err := os.MkdirTemp("/dev/shm", "usher-mutations-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	return directory
}

// realJournal is one that programs wrote.
type realJournal struct {
	name  string
	image []byte
	holds contents
}

// realJournals are those of earlier versions, as this version keeps them, and a small and a large one of this version.
// They are files, so that a seed always means the same journal; -update makes them again.
func realJournals(t *testing.T) (journals []realJournal) {
	t.Helper()
	if *updateJournals {
		for _, version := range earlier.Versions(t) {
			makeJournal(t, version.Name, version.Journal(t), func(*journal) {})
		}
		for _, size := range []int{2, 25} {
			makeJournal(t, fmt.Sprintf("%d-users", size), filepath.Join(t.TempDir(), "journal.db"),
				func(j *journal) { j.fill(t, size) })
		}
	}
	paths, err := filepath.Glob(filepath.Join(mutatedJournals, "*.db.gz"))
	if err != nil || len(paths) < 3 {
		t.Fatalf("%d journals are there, %v", len(paths), err)
	}
	for _, path := range paths {
		image := unpacked(t, path)
		copied := filepath.Join(t.TempDir(), "journal.db")
		if err := os.WriteFile(copied, image, 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := openJournalAt(copied)
		if err != nil {
			t.Fatal(err)
		}
		holds, err := j.read()
		if err := errors.Join(err, j.store.Close()); err != nil || j.told > 0 {
			t.Fatalf("%s: %d damages, %v", path, j.told, err)
		}
		journals = append(journals, realJournal{filepath.Base(path), image, holds})
	}
	return journals
}

const mutatedJournals = "testdata/journals"

// makeJournal writes a journal into the corpus.
func makeJournal(t *testing.T, name, path string, fill func(j *journal)) {
	t.Helper()
	j, err := openJournalAt(path)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(*testing.T) { fill(j) })
	if err := j.store.Close(); err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	_, err = writer.Write(image)
	if err := errors.Join(err, writer.Close(),
		os.WriteFile(filepath.Join(mutatedJournals, name+".db.gz"), packed.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func unpacked(t *testing.T, path string) []byte {
	t.Helper()
	packed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	image, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

type badJournal struct {
	of    realJournal
	image []byte
	what  string
}

// worst are the cases of worst.txt.
func worst(t *testing.T, journals []realJournal) (found []badJournal) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(mutatedJournals, "worst.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var name string
		var at, bit int
		if _, err := fmt.Sscan(line, &name, &at, &bit); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		i := slices.IndexFunc(journals, func(j realJournal) bool { return j.name == name })
		if i < 0 || at >= len(journals[i].image) {
			t.Fatalf("%q is of no journal", line)
		}
		image := bytes.Clone(journals[i].image)
		image[at] ^= 1 << bit
		found = append(found, badJournal{journals[i], image, strings.TrimSpace(line)})
	}
	return found
}

// journal is one with the components that read and write it.
type journal struct {
	store    *store.Store
	told     int
	machine  *registration.Machine
	outbox   *delivery.Outbox
	observer *observation.Observer
	cleaner  *clean.Cleaner
}

// absent is a Mac where nobody logs in.
type absent struct{}

func (absent) Await(ctx context.Context, _ uint32) (usherv1.UserAgentServiceClient, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func (absent) Check(context.Context) error { return nil }

func openJournalAt(path string) (*journal, error) {
	j := &journal{}
	var err error
	if j.store, err = store.OpenOrReplace(path, func(found []store.Damage) { j.told += len(found) }); err != nil {
		return nil, err
	}
	j.outbox = delivery.New(delivery.Config{Store: j.store, Publishes: func() bool { return true }})
	j.observer = observation.New(observation.Config{Store: j.store})
	j.machine = registration.New(registration.Config{
		Store: j.store, Sessions: absent{}, Preflight: absent{}, Outbox: j.outbox, Identities: j.observer,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Settings: func() registration.Settings {
			return registration.Settings{SessionTimeout: 1000 * time.Hour, SignInTimeout: time.Hour,
				IdentityTimeout: time.Hour}
		},
	})
	j.outbox.OnChange(j.machine.DeliveryChanged)
	j.cleaner = clean.New(clean.Config{Store: j.store, Active: registration.Active})
	return j, nil
}

// fill has so many users observed, registered and reported, with a few under way.
func (j *journal) fill(t *testing.T, users int) {
	t.Helper()
	for uid := range uint32(users) {
		uid += 501
		err := j.store.Update(func(tx *store.Tx) error {
			identity := wpj.Identity{State: wpj.StateRegistered, Detail: fmt.Sprint("of ", uid),
				DeviceID: "760d262f-6163-43eb-930b-50e2bc5ec0bf"}
			_, err := j.observer.Keep(tx, accounts.User{Name: fmt.Sprint("user", uid), UID: uid},
				observation.Reading{Identity: identity})
			if err == nil {
				_, err = j.outbox.Enqueue(tx,
					delivery.Report{UID: uid, UserName: fmt.Sprint("user", uid), Identity: &identity, At: time.Now()})
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	err := j.while(func() error {
		for uid := range uint32(users) {
			r, _, err := j.machine.Start(context.Background(),
				registration.StartRequest{Kind: registration.KindRegister,
					User: accounts.User{Name: fmt.Sprint("user", uid+501), UID: uid + 501}})
			if err == nil && uid%2 == 0 {
				_, err = j.machine.Cancel(context.Background(), r.ID, "uid 0")
			} else if err == nil {
				err = j.await(r.ID)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// while runs the machine as long as f.
func (j *journal) while(f func() error) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- j.machine.Run(ctx) }()
	synctest.Wait()
	err := f()
	cancel()
	return errors.Join(err, <-done)
}

var errThere = errors.New("there")

// await waits until a registration waits for its user.
func (j *journal) await(id string) error {
	err := j.machine.Watch(context.Background(), id, func(r registration.Registration) error {
		if r.State == registration.StateWaitingForSession {
			return errThere
		}
		return nil
	})
	if err == errThere {
		return nil
	}
	return fmt.Errorf("registration %s did not come to wait for its user: %w", id, err)
}

// contents is what the components read, by what it is about.
type contents map[string]any

func (j *journal) read() (contents, error) {
	read := contents{}
	add := func(kind string, id, value any) { read[fmt.Sprint(kind, " ", id)] = value }
	registrations, err := j.machine.List(registration.Filter{})
	if err != nil {
		return nil, err
	}
	for _, one := range registrations {
		add("registration", one.ID, one)
	}
	newest, err := j.machine.Newest()
	if err != nil {
		return nil, err
	}
	for _, one := range newest {
		add("newest", one.Newest.User.UID, one)
	}
	deliveries, err := j.outbox.List(true, 0)
	if err != nil {
		return nil, err
	}
	for _, one := range deliveries {
		add("delivery", one.ID, one)
	}
	unpublished, waiting, _, err := j.outbox.Unpublished(1 << 20)
	if err != nil {
		return nil, err
	}
	add("waiting", "", waiting)
	for _, one := range unpublished {
		add("unpublished", one.ID, one)
	}
	known, err := j.observer.All()
	if err != nil {
		return nil, err
	}
	for _, one := range known {
		add("observation", one.User.UID, one)
	}
	removals, err := j.cleaner.List(clean.Filter{})
	if err != nil {
		return nil, err
	}
	for _, one := range removals {
		add("removal", one.Number, one)
	}
	return read, nil
}

// mutate returns the image with something changed, and what.
func mutate(random *rand.Rand, original []byte) (image []byte, what string) {
	image = bytes.Clone(original)
	page := os.Getpagesize()
	pages := len(image) / page
	nth := func(i int) []byte { return image[i*page : (i+1)*page] }
	one, other := random.IntN(pages), random.IntN(pages)
	switch random.IntN(14) {
	case 0, 1, 2, 3, 4:
		at, bit := random.IntN(len(image)), random.IntN(8)
		image[at] ^= 1 << bit
		return image, fmt.Sprintf("bit %d of byte %d", bit, at)
	case 5, 6: // where bbolt has its structure
		at, bit := one*page+random.IntN(200), random.IntN(8)
		image[at] ^= 1 << bit
		return image, fmt.Sprintf("bit %d of byte %d", bit, at)
	case 7:
		count := 2 + random.IntN(30)
		for range count {
			image[random.IntN(len(image))] = byte(random.Uint32())
		}
		return image, fmt.Sprint(count, " bytes")
	case 8:
		clear(nth(one))
		return image, fmt.Sprintf("page %d zeroed", one)
	case 9:
		for i := range nth(one) {
			nth(one)[i] = byte(random.Uint32())
		}
		return image, fmt.Sprintf("page %d random", one)
	case 10:
		copy(nth(one), original[other*page:(other+1)*page])
		return image, fmt.Sprintf("page %d a copy of %d", one, other)
	case 11:
		copy(nth(one), original[other*page:(other+1)*page])
		copy(nth(other), original[one*page:(one+1)*page])
		return image, fmt.Sprintf("pages %d and %d swapped", one, other)
	case 12:
		length := random.IntN(len(image))
		if random.IntN(2) == 0 {
			length = one * page
		}
		return image[:length], fmt.Sprint("cut to ", length)
	default:
		more := random.IntN(3 * page)
		return append(image, make([]byte, more)...), fmt.Sprint("longer by ", more)
	}
}

// survive opens an image of a journal that held something as usherd does, goes on with it, and opens it again.
func survive(directory string, image []byte, held contents) (outcome string, err error) {
	path := filepath.Join(directory, "journal.db")
	for _, left := range []string{path, path + ".damaged"} {
		os.Remove(left)
	}
	if err := os.WriteFile(path, image, 0o600); err != nil {
		return "", err
	}
	j, err := openJournalAt(path)
	if err != nil {
		return "", fmt.Errorf("open: %w", err)
	}
	defer j.store.Close()
	now, err := j.read()
	if err != nil {
		return "", fmt.Errorf("read: %w", err)
	}
	damages, err := j.store.Damages()
	if err != nil {
		return "", err
	}
	if (len(damages) > 0) != (j.told > 0) {
		return "", fmt.Errorf("%d damages are kept, and %d were told", len(damages), j.told)
	}
	switch same := reflect.DeepEqual(now, held); {
	case same && len(damages) == 0:
		outcome = "works"
	case same:
		outcome = "works, with a report"
	case len(damages) == 0:
		return "", fmt.Errorf("it holds something else, and nothing is reported: %s", differences(held, now))
	case damages[0].File != "":
		outcome = "set aside as a whole"
	case damages[0].Bucket == "":
		outcome = "as before the last write"
	default:
		outcome = "set aside in part"
		for what, value := range now {
			if was := held[what]; !reflect.DeepEqual(was, value) && what != "waiting " {
				return "", fmt.Errorf("%s was %+v and is %+v", what, was, value)
			}
		}
	}
	var id string
	err = j.while(func() error {
		r, attached, err := j.machine.Start(context.Background(),
			registration.StartRequest{Kind: registration.KindRegister,
				User: accounts.User{Name: "new", UID: 99999}})
		if err != nil || attached {
			return fmt.Errorf("attached %t, %w", attached, err)
		}
		id = r.ID
		return j.await(id)
	})
	if err != nil {
		return "", fmt.Errorf("register: %w", err)
	}
	settled, err := j.read()
	if err := errors.Join(err, j.store.Close()); err != nil {
		return "", fmt.Errorf("read and close: %w", err)
	}
	j, err = openJournalAt(path)
	if err != nil {
		return "", fmt.Errorf("open again: %w", err)
	}
	defer j.store.Close()
	if j.told > 0 {
		return "", fmt.Errorf("damage is found a second time")
	}
	last, err := j.read()
	if err != nil || !reflect.DeepEqual(last, settled) {
		return "", fmt.Errorf("after a restart it differs: %s, %w", differences(settled, last), err)
	}
	return outcome, nil
}

// differences names what two contents do not share.
func differences(one, other contents) (named []string) {
	for what, value := range one {
		if !reflect.DeepEqual(other[what], value) {
			named = append(named, what)
		}
	}
	for what := range other {
		if _, there := one[what]; !there {
			named = append(named, what)
		}
	}
	return named
}
