package registration_test

import (
	"bytes"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/registration"
)

// A user's history that is damaged while usherd runs is rebuilt.
func TestHistoryThatIsDamagedWhileItRunsIsRebuilt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		first := w.register(registration.KindRegister).ID
		w.until(first, registration.StateDelivering)
		w.deliver(first, delivery.StateDelivered)
		content, err := os.ReadFile(w.path)
		if err != nil {
			t.Fatal(err)
		}
		file, err := os.OpenFile(w.path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		page := []byte(`,"keys":["` + first)
		for from := 0; ; {
			at := bytes.Index(content[from:], page)
			if at < 0 {
				break
			}
			if _, err := file.WriteAt([]byte("@"), int64(from+at+12)); err != nil {
				t.Fatal(err)
			}
			from += at + 1
		}
		for range 2 { // this call may fail, and the next one opens the journal again
			_, _ = w.machine.List(registration.Filter{UID: &jane.UID})
			time.Sleep(time.Minute)
		}
		if damages, err := w.store.Damages(); len(damages) == 0 || err != nil {
			t.Errorf("nothing was damaged, %v", err)
		}
		if ids := w.historyOf(jane); len(ids) != 1 || ids[0] != first {
			t.Errorf("Jane's history is %v", ids)
		}
	})
}
