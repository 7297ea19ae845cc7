package clean

import (
	"time"

	"usher.internal/internal/accounts"
	"usher.internal/internal/wpj"
)

// Kind is the kind of a leftover, by the names of the contract without their prefix; empty for one that this version
// does not know.
type Kind string

// The kinds.
const (
	KindCertificate     Kind = "CERTIFICATE"
	KindKey             Kind = "KEY"
	KindGenericPassword Kind = "GENERIC_PASSWORD"
	KindFile            Kind = "FILE"
)

// Leftover is one item that a registration has left in a user's session, as their agent reports it.
type Leftover struct {
	ID   string `json:"id"`
	Kind Kind   `json:"kind,omitempty"`
	Name string `json:"name"`
}

// Remains are a user's leftovers, and whether they may be removed.
type Remains struct {
	// Leftovers are the items that a removal would remove.
	Leftovers []Leftover
	Identity  wpj.Identity
	// Objection is a sentence that says why they must not be removed without force; empty if they may be.
	Objection string
	// AtRisk are the ones that may be the current registration.
	AtRisk []AtRisk
}

// Removal is the record of one removal for a user.
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

// Removed is the result for one leftover.
type Removed struct {
	Leftover Leftover `json:"leftover"`
	// Error is empty if it is gone.
	Error string `json:"error,omitempty"`
}
