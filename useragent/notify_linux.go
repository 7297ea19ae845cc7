package main

import "strings"

// notifyMarkup: the body of a notification may be markup (Desktop Notifications Specification), and ours is none.
var notifyMarkup = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func notifyArguments(title, text string) []string {
	return []string{"--app-name=usher", "--", title, notifyMarkup.Replace(text)}
}
