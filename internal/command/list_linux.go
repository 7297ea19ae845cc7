package command

const conditionalAccess = "/usr/local/jamf/bin/jamfAAD"
