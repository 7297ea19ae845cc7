package main

// notifyArguments hands title and text to a fixed script as its arguments. The word before them ends osascript's options,
// whatever the text begins with.
func notifyArguments(title, text string) []string {
	return []string{
		"-e", "on run argv",
		"-e", "display notification (item 2 of argv) with title (item 3 of argv)",
		"-e", "end run",
		"usher", text, title,
	}
}
