package handlers

import (
	"errors"
	"testing"

	"usher.internal/helper/registration"
)

func TestOnlyOneIsMeant(t *testing.T) {
	own := []registration.Registration{{ID: "aab"}, {ID: "aa"}, {ID: "ab"}}
	for id, want := range map[string]error{
		"aa": nil, "aab": nil, "ab": nil, "a": registration.ErrAmbiguousID, "b": registration.ErrNotFound,
		"aabc": registration.ErrNotFound,
	} {
		found, err := only(own, id)
		if !errors.Is(err, want) || (want == nil && found.ID != id) {
			t.Errorf("%s is %q, %v; want %v", id, found.ID, err, want)
		}
	}
}
