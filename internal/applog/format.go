package applog

// Format is a way in which a program writes its log.
type Format string

// The known formats. docs/log-formats.md describes each with its source.
const (
	CompanyPortal2018 Format = "company-portal-2018"
	CompanyPortal5    Format = "company-portal-5"
	// SSOExtension is the log of Company Portal's SSO extension, also as the diagnostic report exports it.
	SSOExtension Format = "sso-extension"
	// MSAL is an application's log of messages from MSAL or ADAL.
	MSAL           Format = "msal"
	JamfLog        Format = "jamf-log"
	JamfPolicy     Format = "jamf-policy-output"
	SelfService    Format = "self-service"
	UnifiedDefault Format = "unified-default"
	UnifiedCompact Format = "unified-compact"
	UnifiedSyslog  Format = "unified-syslog"
	UnifiedJSON    Format = "unified-json"
	UnifiedNDJSON  Format = "unified-ndjson"
	UnifiedConsole Format = "unified-console"
	// IntuneAgent is the log of Intune's own agent. It shows no registration; usher knows it only to name it.
	IntuneAgent Format = "intune-agent"
	// ErrorText is an NSError as Cocoa describes it, without a log around it.
	ErrorText    Format = "error-text"
	UsherLog     Format = "usher-log"
	UsherJournal Format = "usher-journal"
)

// Source is the program that writes a format.
type Source string

// The sources.
const (
	SourceCompanyPortal Source = "Company Portal"
	SourceSSOExtension  Source = "SSO extension"
	SourceJamf          Source = "Jamf"
	SourceUnified       Source = "unified log"
	SourceUsher         Source = "usher"
	SourceIntuneAgent   Source = "Intune agent"
	SourceErrorText     Source = "error text"
)

// Source returns the program that writes the format, or "".
func (f Format) Source() Source {
	switch f {
	case CompanyPortal2018, CompanyPortal5, MSAL:
		return SourceCompanyPortal
	case SSOExtension:
		return SourceSSOExtension
	case JamfLog, JamfPolicy, SelfService:
		return SourceJamf
	case UnifiedDefault, UnifiedCompact, UnifiedSyslog, UnifiedJSON, UnifiedNDJSON, UnifiedConsole:
		return SourceUnified
	case UsherLog, UsherJournal:
		return SourceUsher
	case IntuneAgent:
		return SourceIntuneAgent
	case ErrorText:
		return SourceErrorText
	}
	return ""
}

// Sources returns every source.
func Sources() []Source {
	return []Source{SourceCompanyPortal, SourceSSOExtension, SourceJamf, SourceUnified, SourceUsher, SourceIntuneAgent,
		SourceErrorText}
}
