package command

const conditionalAccess = "/Library/Application Support/JAMF/Jamf.app/Contents/MacOS/Jamf Conditional " +
	"Access.app/Contents/MacOS/Jamf Conditional Access"
