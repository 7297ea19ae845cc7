//go:build !crashtest

package helper

import "usher.internal/helper/registration"

// crash observes nothing: only builds with the tag crashtest, made by the end-to-end tests, kill themselves.
var crash struct {
	committing, committed func(registration.Registration)
}
