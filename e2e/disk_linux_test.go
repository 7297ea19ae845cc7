//go:build linux

package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"usher.internal/internal/link"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/jamfpro"
	"usher.internal/sim/mac"
)

// smallDisk is a separate file system for usherd's journal.
type smallDisk struct {
	s       *story
	path    string
	journal string
}

// withSmallDisk puts the state directory on a disk of 4 MiB.
func (s *story) withSmallDisk() *smallDisk {
	s.t.Helper()
	disk := &smallDisk{s: s, path: filepath.Join(s.Directory, "disk")}
	s.must(os.Mkdir(disk.path, 0o755))
	s.must(unix.Mount("tmpfs", disk.path, "tmpfs", 0, "size=4m,mode=755"))
	s.t.Cleanup(func() {
		// usherd still has its journal there: the story ends only after this.
		if err := unix.Unmount(disk.path, unix.MNT_DETACH); err != nil {
			s.t.Errorf("unmount: %v", err)
		}
	})
	directory := filepath.Join(disk.path, "state")
	disk.journal = filepath.Join(directory, "journal.db")
	s.must(s.Set(map[string]any{"state_directory": directory}))
	return disk
}

func (d *smallDisk) filler() string { return filepath.Join(d.path, "filler") }

// fill takes all free space, so no commit succeeds any more. The journal has free pages that it would use first; those
// go back to the disk, and then to the filler. Call it while usherd writes nothing.
func (d *smallDisk) fill() {
	d.s.t.Helper()
	d.punch()
	file, err := os.Create(d.filler())
	d.s.must(err)
	defer file.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = file.Write(block)
	}
	if !errors.Is(err, unix.ENOSPC) {
		d.s.t.Fatal(err)
	}
}

func (d *smallDisk) free() {
	d.s.t.Helper()
	d.s.must(os.Remove(d.filler()))
}

// punch returns the free pages of the journal to the disk. It reads the list of free pages from a copy.
func (d *smallDisk) punch() {
	d.s.t.Helper()
	content, err := os.ReadFile(d.journal)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	d.s.must(err)
	db := d.openCopy(content)
	defer db.Close()
	file, err := os.OpenFile(d.journal, os.O_RDWR, 0)
	d.s.must(err)
	defer file.Close()
	size := int64(db.Info().PageSize)
	d.s.must(db.View(func(tx *bolt.Tx) error {
		for id := int64(0); id*size < int64(len(content)); id++ {
			page, err := tx.Page(int(id))
			if err != nil {
				return err
			}
			// Pages beyond those that were ever used need no hole.
			if page != nil && page.Type != "free" {
				id += int64(page.OverflowCount)
				continue
			}
			if err := unix.Fallocate(int(file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, id*size,
				size); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (d *smallDisk) openCopy(content []byte) *bolt.DB {
	d.s.t.Helper()
	path := filepath.Join(d.s.t.TempDir(), "copy.db")
	d.s.must(os.WriteFile(path, content, 0o600))
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, PreLoadFreelist: true})
	d.s.must(err)
	return db
}

// wantSound fails the test when the journal is damaged. Call it while usherd writes nothing.
func (d *smallDisk) wantSound() {
	d.s.t.Helper()
	content, err := os.ReadFile(d.journal)
	d.s.must(err)
	db := d.openCopy(content)
	defer db.Close()
	d.s.must(db.View(func(tx *bolt.Tx) error {
		var damage []error
		for err := range tx.Check() {
			damage = append(damage, err)
		}
		return errors.Join(damage...)
	}))
}

// wantFullDisk fails the test unless status names the full disk as a problem.
func (d *smallDisk) wantFullDisk() {
	d.s.t.Helper()
	problems := d.s.problems()
	if len(problems) == 0 || !d.saysFull(problems[0]) {
		d.s.t.Errorf("status says %q, want the full disk first", problems)
	}
}

func (d *smallDisk) saysFull(text string) bool {
	return strings.Contains(text, "no space left") && strings.Contains(text, d.journal)
}

func (s *story) wantNoProblem() {
	s.t.Helper()
	if problems := s.problems(); len(problems) != 0 {
		s.t.Errorf("status says %q, want nothing", problems)
	}
}

// waitSigningIn waits until the user is asked to sign in and the journal has all events up to then.
func (s *story) waitSigningIn(id string) {
	s.t.Helper()
	connection, err := link.Dial(s.HelperSocket(), uint32(os.Getuid()))
	s.must(err)
	defer connection.Close()
	stream, err := usherv1.NewRegistrationServiceClient(connection).WatchRegistration(s.ctx,
		&usherv1.WatchRegistrationRequest{Id: id})
	s.must(err)
	for {
		message, err := stream.Recv()
		if err != nil {
			s.t.Fatalf("registration %s: %v", id, err)
		}
		for _, milestone := range message.GetRegistration().GetMilestones() {
			if milestone.GetKind() == usherv1.MilestoneKind_MILESTONE_KIND_SIGN_IN_STARTED {
				return
			}
		}
	}
}

// The disk is full: a registration is refused with a reason, and nothing existing is lost.
func TestRegisterOnAFullDisk(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	disk := s.withSmallDisk()
	s.start()
	jane, john := s.loggedIn("p-jane"), s.loggedIn("p-john")
	s.control(0, "register", "--user", jane.Name, "--wait")
	earlier := s.control(0, "registrations", "list", "--json").Stdout

	disk.fill()
	result := s.control(16, "register", "--user", john.Name, "--wait")
	if !disk.saysFull(result.Stderr) || !strings.Contains(result.Stderr, "hint: free space on that disk") {
		t.Errorf("the error does not say that the disk is full, name the journal and the fix: %s", result.Stderr)
	}
	s.control(16, "outbox", "flush")
	disk.wantFullDisk()
	if now := s.control(0, "registrations", "list", "--json").Stdout; now != earlier {
		t.Errorf("the registrations are\n%s\nand were\n%s", now, earlier)
	}
	if runs, err := john.PortalRuns(); err != nil || len(runs) != 0 {
		t.Errorf("Company Portal of %s was started without a journal: %q, %v", john.Name, runs, err)
	}

	disk.free()
	s.control(0, "register", "--user", john.Name, "--wait")
	s.ranOnce(jane)
	s.ranOnce(john)
	s.wantNoProblem()
	disk.wantSound()
	s.control(0, "registrations", "show", decode[struct {
		Data struct{ Registrations []registered }
	}](t, earlier).Data.Registrations[0].ID)
}

// The disk becomes full while a user signs in. The result of Company Portal is not lost: usherd records it as soon as
// there is room.
func TestDiskIsFullDuringTheSignIn(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	disk := s.withSmallDisk()
	s.start()
	jane := s.loggedIn("p-jane")
	s.must(jane.SetPortal(mac.PortalSettings{"wait": "2s"}))
	s.control(0, "register", "--user", jane.Name)
	id := s.waitState("WAITING_FOR_SIGN_IN")
	s.waitSigningIn(id)
	disk.fill()

	s.waitHelper("journal cannot be written; the registration waits for it")
	disk.wantFullDisk()
	if newest := s.newest(); newest.ID != id || newest.State != "REGISTRATION_STATE_WAITING_FOR_SIGN_IN" {
		t.Errorf("the registration is %+v", newest)
	}
	// Attaching to it writes nothing, so it works.
	s.control(6, "register", "--user", jane.Name, "--wait", "--timeout", "100ms")

	disk.free()
	s.control(0, "registrations", "watch", id)
	s.ranOnce(jane)
	s.wantOneTruth(jane, "SUCCEEDED")
	s.wantNoProblem()
	disk.wantSound()
}

// The disk becomes full while a result is on the wire. usherd records its arrival as soon as there is room, and does
// not send it again.
func TestDiskIsFullDuringTheDelivery(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	disk := s.withSmallDisk()
	s.fault(jamfpro.Fault{Kind: jamfpro.FaultSlow, PathPrefix: updatePath, Delay: time.Second, Count: 1})
	s.start()
	jane := s.loggedIn("p-jane")
	s.control(0, "register", "--user", jane.Name)
	id := s.waitState("DELIVERING")
	s.waitUpdating()
	disk.fill()
	s.waitHelper("the end of an attempt cannot be recorded")
	disk.wantFullDisk()
	s.control(10, "registrations", "watch", id, "--delivery-timeout", "100ms")

	disk.free()
	s.control(0, "registrations", "watch", id)
	if computer, _ := s.jamfPro.Computer(mac.UDID); computer.Patches != 1 {
		t.Errorf("Jamf Pro has received it %d times, want once", computer.Patches)
	}
	s.ranOnce(jane)
	s.wantOneTruth(jane, "SUCCEEDED")
	s.wantNoProblem()
	disk.wantSound()
}

// usherd dies while a user signs in, and comes back on a full disk.
func TestHelperStartsOnAFullDisk(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	disk := s.withSmallDisk()
	s.start()
	jane := s.loggedIn("p-jane")
	s.must(jane.SetPortal(mac.PortalSettings{"wait": "1s"}))
	s.control(0, "register", "--user", jane.Name)
	id := s.waitState("WAITING_FOR_SIGN_IN")
	s.KillHelper()
	disk.fill()
	s.start()
	s.waitHelper("journal cannot be written; the registration waits for it")
	disk.wantFullDisk()
	s.control(16, "registrations", "cancel", id)

	disk.free()
	s.control(0, "registrations", "watch", id)
	s.ranOnce(jane)
	s.wantOneTruth(jane, "SUCCEEDED")
	s.wantNoProblem()
	disk.wantSound()
}

// The disk is full before any journal exists: usherd reports that and leaves no partial file.
func TestFirstStartOnAFullDisk(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	disk := s.withSmallDisk()
	disk.fill()
	code, log, err := s.RunHelper(s.ctx)
	s.must(err)
	if code == 0 || !disk.saysFull(log) {
		t.Errorf("usherd ended with %d and does not say that the disk is full:\n%s", code, log)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(disk.journal), "*")); len(left) != 0 {
		t.Errorf("it left %q", left)
	}
	disk.free()
	s.start()
	jane := s.loggedIn("p-jane")
	s.control(0, "register", "--user", jane.Name, "--wait")
	s.wantOneTruth(jane, "SUCCEEDED")
}
