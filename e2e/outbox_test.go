//go:build linux

package e2e

import (
	"time"
)

// delivery is one entry of the outbox, as `usherctl outbox list --json` prints it.
type delivery struct {
	ID              string
	RegistrationID  string `json:"registration_id"`
	State           string
	Attempts        int
	Summary         string
	LastError       string    `json:"last_error"`
	NextAttemptTime time.Time `json:"next_attempt_time"`
}

// deliveries are the entries of `usherctl outbox list`, the newest first.
func (s *story) deliveries(flags ...string) []delivery {
	s.t.Helper()
	result := s.control(0, append([]string{"outbox", "list", "--json"}, flags...)...)
	return decode[struct {
		Data struct{ Deliveries []delivery }
	}](s.t, result.Stdout).Data.Deliveries
}

// pending is the one pending delivery.
func (s *story) pending() delivery {
	s.t.Helper()
	all := s.deliveries()
	if len(all) != 1 || all[0].State != "DELIVERY_STATE_PENDING" {
		s.t.Fatalf("outbox holds %+v, want one that is pending", all)
	}
	return all[0]
}

// registered is a registration, as `usherctl registrations list --json` prints it.
type registered struct {
	ID               string
	State            string
	DeliveryState    string `json:"delivery_state"`
	DeliveryAttempts int    `json:"delivery_attempts"`
	Transitions      []struct {
		State    string
		Time     time.Time
		Evidence string
	}
	Identity struct {
		DeviceID string `json:"device_id"`
	}
}

// newest is the newest registration.
func (s *story) newest() registered {
	s.t.Helper()
	result := s.control(0, "registrations", "list", "--limit", "1", "--json")
	list := decode[struct {
		Data struct{ Registrations []registered }
	}](s.t, result.Stdout).Data.Registrations
	if len(list) != 1 {
		s.t.Fatal("there is no registration")
	}
	return list[0]
}

// problems are the problems that `usherctl status` lists.
func (s *story) problems() []string {
	s.t.Helper()
	result, err := s.Control(s.ctx, "status", "--json") // the exit code is that of the state
	s.must(err)
	return decode[struct{ Data struct{ Problems []string } }](s.t, result.Stdout).Data.Problems
}
