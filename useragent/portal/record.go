package portal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"usher.internal/internal/applog"
	"usher.internal/internal/atomicfile"
	"usher.internal/internal/foreign"
	"usher.internal/internal/wpj"
)

// phase is how far a run had come when its record was written.
type phase string

const (
	// phaseLaunching: the executable is about to be started, or was started and the agent ended before it could record
	// that.
	phaseLaunching phase = "launching"
	phaseRunning   phase = "running"
	// phaseNotLaunched: starting it failed.
	phaseNotLaunched phase = "not launched"
	phaseEnded       phase = "ended"
)

// record is the data about a run on disk. It is written before the launch, after it, and at the end.
type record struct {
	RegistrationID string    `json:"registration_id"`
	Phase          phase     `json:"phase"`
	Executable     string    `json:"executable"`
	LaunchedAt     time.Time `json:"launched_at"`
	// Log is the position in Company Portal's log before the launch. Without LogKnown, no part of the log is known to
	// belong to this run.
	Log      applog.Position `json:"log"`
	LogKnown bool            `json:"log_known"`
	Process  process         `json:"process,omitzero"`
	// LaunchError says why it was not launched.
	LaunchError string              `json:"launch_error,omitempty"`
	Milestones  []recordedMilestone `json:"milestones,omitempty"`
	EndedAt     time.Time           `json:"ended_at,omitzero"`
	Exit        *wpj.Exit           `json:"exit,omitempty"`
}

// recordedMilestone is a [wpj.Milestone] with the names that records have had since the first version.
type recordedMilestone struct {
	Kind   wpj.MilestoneKind `json:"kind"`
	At     time.Time         `json:"time"`
	Detail string            `json:"detail"`
}

func (r record) over() bool { return r.Phase == phaseEnded || r.Phase == phaseNotLaunched }

// records is the directory of the records, one file each.
type records struct{ directory string }

// keptRecords is how many records of ended runs are kept.
const keptRecords = 20

// maximumRecord is larger than a record with every milestone.
const maximumRecord = 1 << 20

const recordSuffix = ".json"

func (r records) path(id string) string { return filepath.Join(r.directory, id+recordSuffix) }

// load returns the record of a registration. A file that cannot be read as a record still proves that there may have
// been a launch: load returns it as launching, with nothing known.
func (r records) load(id string) (record, bool, error) {
	content, err := foreign.Read(r.path(id), maximumRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, false, nil
	}
	if err != nil && !errors.Is(err, foreign.ErrTooLarge) {
		return record{}, false, fmt.Errorf("read record of run: %w", err)
	}
	var found record
	if err := json.Unmarshal(content, &found); err != nil || found.RegistrationID != id || found.Phase == "" {
		lost := record{RegistrationID: id, Phase: phaseLaunching}
		if info, err := os.Stat(r.path(id)); err == nil {
			lost.LaunchedAt = info.ModTime()
		}
		return lost, true, nil
	}
	return found, true, nil
}

// save writes a record completely or not at all, even if the power fails.
func (r records) save(saved record) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write record of run: %w", err)
		}
	}()
	content, err := json.Marshal(saved)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.directory, 0o700); err != nil {
		return err
	}
	return atomicfile.Write(r.path(saved.RegistrationID), content, 0o600)
}

// all returns every record that can be read, the oldest launch first. It passes the others to skip; each affects only
// its own registration.
func (r records) all(skip func(error)) ([]record, error) {
	files, err := os.ReadDir(r.directory)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list records of runs: %w", err)
	}
	var found []record
	for _, file := range files {
		id, isRecord := strings.CutSuffix(file.Name(), recordSuffix)
		if !isRecord || !validID(id) {
			continue
		}
		one, ok, err := r.load(id)
		if err != nil {
			skip(err)
		}
		if ok {
			found = append(found, one)
		}
	}
	slices.SortFunc(found, func(a, b record) int { return a.LaunchedAt.Compare(b.LaunchedAt) })
	return found, nil
}

// prune deletes the oldest records of ended runs, so there is room for one more.
func (r records) prune() error {
	found, err := r.all(func(error) {})
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(one record) bool { return !one.over() })
	for len(found) >= keptRecords {
		if err := os.Remove(r.path(found[0].RegistrationID)); err != nil {
			return fmt.Errorf("delete old record of run: %w", err)
		}
		found = found[1:]
	}
	return nil
}

// validID prevents an id from having a meaning as a file name.
func validID(id string) bool {
	if id == "" || len(id) > 64 || id[0] == '-' {
		return false
	}
	for i := range len(id) {
		lower := id[i] | 0x20
		if (lower < 'a' || lower > 'z') && (id[i] < '0' || id[i] > '9') && id[i] != '-' {
			return false
		}
	}
	return true
}
