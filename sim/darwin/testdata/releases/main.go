//go:build darwin

// Command releases makes a CFString, and releases it as its argument says: "once", "never" or "twice". With "null" it
// passes CFNull in the place of a string.
package main

import (
	"fmt"
	"os"

	"usher.internal/internal/corefoundation"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(argument string) error {
	text, err := corefoundation.NewString("text")
	if err != nil {
		return err
	}
	times := map[string]int{"once": 1, "null": 1, "twice": 2}[argument]
	for range times {
		corefoundation.Release(text)
	}
	if argument != "null" {
		return nil
	}
	var length func(corefoundation.Ref) int
	handle, err := corefoundation.Load("CoreFoundation", map[string]any{"CFStringGetLength": &length})
	if err != nil {
		return err
	}
	nothing, err := corefoundation.Constant(handle, "kCFNull")
	if err != nil {
		return err
	}
	length(nothing)
	return nil
}
