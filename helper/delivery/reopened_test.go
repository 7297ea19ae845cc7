package delivery_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/store"
)

// A part of a user's history that is damaged while usherd runs is written again, and the limit holds.
func TestHistoryThatIsDamagedWhileItRunsIsRebuilt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "journal.db")
		opened, err := store.OpenOrReplace(path, func([]store.Damage) {})
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		outbox := delivery.New(delivery.Config{Store: opened,
			Deliverer: &deliverer{answer: func(context.Context, delivery.Report) error { return nil }}})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- outbox.Run(ctx) }()
		enqueue := func() error {
			defer time.Sleep(time.Second)
			return opened.Update(func(tx *store.Tx) error {
				_, err := outbox.Enqueue(tx, report("x", 502))
				return err
			})
		}
		for range 20 {
			if err := enqueue(); err != nil {
				t.Fatal(err)
			}
		}
		damage(t, path, `{"uid":502,"keys":[`)
		if err := enqueue(); err != nil && !errors.Is(err, store.ErrDamaged) {
			t.Fatal(err)
		}
		for range 210 {
			if err := enqueue(); err != nil {
				t.Fatal(err)
			}
		}
		if damages, err := opened.Damages(); len(damages) == 0 || err != nil {
			t.Errorf("nothing was damaged, %v", err)
		}
		if all, err := outbox.List(true, 0); len(all) != 200 || err != nil {
			t.Errorf("%d deliveries are kept, %v", len(all), err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// damage changes a letter behind every place of a text in a file.
func damage(t *testing.T, path, text string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for from := 0; ; {
		at := bytes.Index(content[from:], []byte(text))
		if at < 0 {
			return
		}
		from += at + len(text)
		if _, err := file.WriteAt([]byte("@"), int64(from)+2); err != nil {
			t.Fatal(err)
		}
	}
}
