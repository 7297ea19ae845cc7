package clean

import (
	"time"

	"usher.internal/internal/accounts"
	"usher.internal/internal/wpj"
)

// Kind is what sort of thing a leftover is, by the names of the contract without their prefix; empty for one that this
// version does not know.
type Kind string

// The kinds.
const (
	KindCertificate     Kind = "CERTIFICATE"
	KindKey             Kind = "KEY"
	KindGenericPassword Kind = "GENERIC_PASSWORD"
	KindFile            Kind = "FILE"
)

// Leftover is one thing that a registration has left in a user's session, as his agent tells of it.
type Leftover struct {
	ID   string `json:"id"`
	Kind Kind   `json:"kind,omitempty"`
	Name string `json:"name"`
}

// Remains is what is there, and whether it may be removed.
type Remains struct {
	// Leftovers are what a removal would remove.
	Leftovers []Leftover
	Identity  wpj.Identity
	// Objection is why they must not be removed without force, a sentence; empty when they may be.
	Objection string
	// AtRisk is what of it may be the current registration.
	AtRisk []AtRisk
}

// Removal is the record of what was removed of a user.
type Removal struct {
	// Number is in the order of the removals; 0 for one that had nothing to remove and was not recorded.
	Number uint64        `json:"number"`
	User   accounts.User `json:"user"`
	At     time.Time     `json:"at"`
	// Caller is who asked for it.
	Caller  accounts.User `json:"caller"`
	Force   bool          `json:"force,omitempty"`
	Removed []Removed     `json:"removed"`
}

// Removed is how it went with one leftover.
type Removed struct {
	Leftover Leftover `json:"leftover"`
	// Error is empty when it is gone.
	Error string `json:"error,omitempty"`
}
