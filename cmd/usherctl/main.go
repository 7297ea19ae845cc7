//go:build !manuals

// Program usherctl asks the helper and prints: for admins, for users, and for Jamf Pro's policies and extension
// attributes, which act on its exit codes (docs/exit-codes.md) and its JSON (docs/json.md).
package main

import (
	"os"

	"usher.internal/ctl"
)

func main() { os.Exit(ctl.Main(os.Args[1:])) }
