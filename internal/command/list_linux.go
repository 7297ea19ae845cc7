package command

const (
	conditionalAccess = "/usr/local/jamf/bin/jamfAAD"
	notifier          = "/usr/bin/notify-send"
)
