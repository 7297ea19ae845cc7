package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"usher.internal/helper/registration"
	"usher.internal/helper/store"
)

// commitRounds is how often a record is written each way, in blocks of commitBlock.
const (
	commitRounds = 40
	commitBlock  = 10
)

// registrations is the bucket of usherd's journal.
var registrations = store.NewBucket[registration.Registration]("registrations")

// measureJournal compares two ways to write the newest registration of usherd's own journal, which nobody has open. One
// commits it to a second bucket of the journal; the other appends the same bytes to a file beside it.
func measureJournal(ctx context.Context, stateDirectory string) (rows []row, err error) {
	journals, err := filepath.Glob(filepath.Join(stateDirectory, "*.db"))
	if err != nil || len(journals) != 1 {
		return nil, fmt.Errorf("find journal in %s: %d files, %w", stateDirectory, len(journals), err)
	}
	journal, err := store.Open(journals[0])
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	record, err := newest(journal)
	if err != nil {
		return nil, err
	}
	content, err := json.Marshal(record)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(stateDirectory, "appended"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()

	commit := &subject{do: func(context.Context) error {
		return journal.Update(func(tx *store.Tx) error {
			record.Revision++
			return registrations.Put(tx, []byte(record.ID), record)
		})
	}}
	appended := &subject{do: func(context.Context) error {
		_, err := file.Write(content)
		return errors.Join(err, file.Sync())
	}}
	if err := takeTurns(ctx, commitRounds, commitBlock, commit, appended); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("journal: commit of a registration (%d bytes)", len(content))
	return []row{commit.beside(appended, name, "append + fsync, same bytes", nil)}, nil
}

func newest(journal *store.Store) (found registration.Registration, err error) {
	err = journal.View(func(tx *store.Tx) error {
		for r, err := range registrations.Descend(tx) {
			found = r
			return err
		}
		return errors.New("the journal holds no registration")
	})
	return found, err
}
