//go:build linux

package e2e

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"usher.internal/internal/earlier"
	"usher.internal/sim/mac"
)

func (s *story) journal() string { return filepath.Join(s.StateDirectory(), "journal.db") }

// putJournal puts a journal that usherd has not written in the place of a stopped usherd's journal, as at a first
// start.
func (s *story) putJournal(image []byte) {
	s.t.Helper()
	s.must(os.WriteFile(s.journal(), image, 0o600))
	if err := os.Remove(s.journal() + ".mark"); !errors.Is(err, fs.ErrNotExist) {
		s.must(err)
	}
}

// editJournal changes the journal of a stopped usherd.
func (s *story) editJournal(edit func(image []byte) []byte) {
	s.t.Helper()
	image, err := os.ReadFile(s.journal())
	s.must(err)
	s.must(os.WriteFile(s.journal(), edit(image), 0o600))
}

// reported fails the test unless the log, status and doctor report the damage of the journal, the log only once.
func (s *story) reported(log string) {
	s.t.Helper()
	if count := strings.Count(log, "journal was damaged"); count != 1 {
		s.t.Errorf("the log reports damage %d times:\n%s", count, log)
	}
	answered, err := s.Control(s.ctx, "status", "--json") // its exit code is about the users
	s.must(err)
	status := answered.Stdout
	said := decode[struct {
		Data struct {
			Helper struct {
				JournalDamage []struct{ Text, Fix string } `json:"journal_damage"`
			}
			Problems []string
		}
	}](s.t, status).Data
	if damage := said.Helper.JournalDamage; len(damage) != 1 || damage[0].Text == "" || damage[0].Fix == "" ||
		!strings.Contains(strings.Join(said.Problems, "\n"), damage[0].Text) {
		s.t.Errorf("the status says %s", status)
	}
	result, err := s.Control(s.ctx, "doctor", "--json")
	s.must(err)
	if !strings.Contains(result.Stdout, "The journal was damaged: ") {
		s.t.Errorf("doctor says %s", result.Stdout)
	}
}

// delivered registers a user and waits for the delivery.
func (s *story) delivered(u *mac.User) string {
	s.t.Helper()
	s.control(0, "register", "--user", u.Name, "--wait")
	return s.registrations()[0].ID
}

// One flipped bit made usherd die of SIGBUS at every start. Here the bit is in the page number of a bucket, which bbolt
// follows beyond the end of the file. usherd sets the journal aside, and the next registration succeeds.
func TestFlippedBitInTheJournalIsNoCrashLoop(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("jane")
	s.delivered(jane)
	s.must(s.StopHelper())
	s.editJournal(func(image []byte) []byte {
		// The value of a bucket in the root is its page and its sequence, after its name.
		for at := 0; ; {
			next := bytes.Index(image[at:], []byte("registrations"))
			if next < 0 {
				return image
			}
			at += next + len("registrations")
			image[at+4] ^= 0x40
		}
	})
	s.start()
	s.reported(s.Helper.Log())
	s.delivered(jane)
	s.must(s.StopHelper())
	s.start()
	if log := s.Helper.Log(); strings.Contains(log, "damaged") {
		t.Errorf("damage is found a second time:\n%s", log)
	}
	s.delivered(jane)
	if _, err := os.Stat(s.journal() + ".damaged"); err != nil {
		t.Error(err)
	}
}

// One value that is not JSON made every registration end as INTERNAL, while doctor reported no problem.
func TestValueThatIsNoJSONHarmsNoRegistration(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("jane")
	id := s.delivered(jane)
	s.must(s.StopHelper())
	db, err := bolt.Open(s.journal(), 0o600, nil)
	s.must(err)
	err = db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("registrations")).Put([]byte(id),
			[]byte(`{"id":`))
	})
	s.must(errors.Join(err, db.Close()))
	s.start()
	s.reported(s.Helper.Log())
	if next := s.delivered(jane); next == id {
		t.Errorf("the damaged registration %s is back", id)
	}
}

// The disk loses the journal under a running usherd: no call hangs, and usherd continues and reports it.
func TestJournalThatIsCutShortWhileUsherdRuns(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("jane")
	s.delivered(jane)
	pid := s.Helper.PID()
	s.must(os.Truncate(s.journal(), 2*int64(os.Getpagesize())))
	// This call can meet the loss, for it reads the file; a status can be an earlier one. It ends in any case.
	_, err := s.Control(s.ctx, "registrations", "list")
	s.must(err)
	s.delivered(jane)
	s.reported(s.Helper.Log())
	if s.Helper.PID() != pid {
		t.Error("usherd was started again")
	}
}

// usherd used to start with an empty journal, without a word, when the file changed while it did not run.
func TestJournalIsRemovedOrTurnedBackWhileUsherdDoesNotRun(t *testing.T) {
	for name, exchange := range map[string]func(s *story, earlier []byte){
		"removed": func(s *story, _ []byte) { s.must(errors.Join(s.StopHelper(), os.Remove(s.journal()))) },
		"turned back": func(s *story, earlier []byte) {
			s.must(s.StopHelper())
			s.editJournal(func([]byte) []byte { return earlier })
		},
		"removed, and usherd is killed before it sees it": func(s *story, _ []byte) {
			s.must(os.Remove(s.journal()))
			s.KillHelper()
		},
		"copied over while usherd runs": func(s *story, earlier []byte) {
			s.editJournal(func([]byte) []byte { return earlier })
			s.must(s.StopHelper())
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, nil)
			s.withJamfPro()
			s.start()
			jane := s.loggedIn("jane")
			s.delivered(jane)
			s.must(s.StopHelper())
			earlier, err := os.ReadFile(s.journal())
			s.must(err)
			s.start()
			s.delivered(jane)
			exchange(s, earlier)
			s.start()
			s.reported(s.Helper.Log())
			s.delivered(jane)
			s.must(s.StopHelper())
			s.start()
			if log := s.Helper.Log(); strings.Contains(log, "damaged") {
				t.Errorf("it is found a second time:\n%s", log)
			}
		})
	}
}

// usherd is killed again and again while it migrates a journal of an earlier version to the present schema: nothing is
// lost.
func TestKilledWhileTheJournalIsMigrated(t *testing.T) {
	version := earlier.Versions(t)[0]
	image, err := os.ReadFile(version.Journal(t))
	if err != nil {
		t.Fatal(err)
	}
	s := newStory(t, nil)
	s.start()
	var want int
	for round := range 12 {
		s.must(s.StopHelper())
		s.putJournal(image)
		for range round % 3 {
			s.killWhileItStarts(time.Duration(10*round) * time.Millisecond)
		}
		s.start()
		count := len(s.registrations())
		if round == 0 {
			want = count
		}
		if count != want || count < 20 || strings.Contains(s.Helper.Log(), "damaged") {
			t.Fatalf("round %d: %d registrations, want %d\n%s", round, count, want, s.Helper.Log())
		}
	}
}

// usherd starts with a sample of the damaged journals of helper's TestMutatedJournals, and answers.
func TestUsherdStartsWithDamagedJournals(t *testing.T) {
	const corpus = "../helper/testdata/journals"
	text, err := os.ReadFile(filepath.Join(corpus, "worst.txt"))
	if err != nil {
		t.Fatal(err)
	}
	s := newStory(t, nil)
	s.start()
	outcomes := map[bool]int{}
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if i%6 != 1 {
			continue
		}
		var name string
		var at, bit int
		if _, err := fmt.Sscan(line, &name, &at, &bit); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		packed, err := os.Open(filepath.Join(corpus, name))
		s.must(err)
		reader, err := gzip.NewReader(packed)
		s.must(err)
		image, err := io.ReadAll(reader)
		s.must(errors.Join(err, packed.Close()))
		image[at] ^= 1 << bit
		s.must(s.StopHelper())
		s.putJournal(image)
		s.start()
		damaged := strings.Contains(s.Helper.Log(), "journal was damaged")
		outcomes[damaged]++
		answered, err := s.Control(s.ctx, "status", "--json")
		s.must(err)
		if status := answered.Stdout; strings.Contains(status, "The journal was damaged") != damaged {
			t.Errorf("%s: the log reports damage: %t, and the status %s", line, damaged, status)
		}
	}
	t.Logf("damaged or not: %v", outcomes)
}
