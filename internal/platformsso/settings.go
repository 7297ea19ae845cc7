package platformsso

import "net/url"

// SettingsLink returns the link that opens System Settings at the account with that short name, with the buttons
// Register, Repair and Authenticate of Platform SSO [KR]. Apple does not document its form, and nobody has tried it on
// macOS 26 or later for usher.
func SettingsLink(account string) string {
	return "x-apple.systempreferences:com.apple.Users-Groups-Settings.extension?showinfo*user:" +
		url.PathEscape(account)
}
