package errorcode

// codesWithWords are codes that a text also shows by its words, and those that have no number.
var codesWithWords = []Code{
	{PlatformSSO, -1001, "device configuration damaged", "The device configuration of Platform SSO cannot be read.",
		"macOS 15.0 to 15.2 can damage it: update macOS, then register Platform SSO again.", "MS-PTS", "Error deserializing device config"},
	{PlugInKit, 16, "other version in use", "macOS cannot start the SSO extension, since another version of it is in use.", "Restart the Mac; macOS 15.3 has this defect, so update macOS.", "MS-SSO", "other version in use|4s8qh"},
}
