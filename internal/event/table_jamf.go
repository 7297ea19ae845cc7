package event

import "usher.internal/internal/applog"

// jamfEvents are the events in jamf.log and the output of `jamf policy` (docs/log-formats.md).
var jamfEvents = []Known{
	{Name: PolicyStarted, Phrase: "Jamf runs a policy", Phase: Preparation, Then: Preparation, Class: Progress,
		Source: "SEED",
		Signs:  []Sign{{From: applog.SourceJamf, Message: "Executing Policy "}}},
	{Name: "policy-trigger-unknown", Phrase: "no policy has this trigger, or none is in this computer's scope",
		Phase: Preparation, Class: Trouble, Source: "JSM#162",
		Advice: "Check the policy's trigger and scope in Jamf Pro; `jamf policy` exits with 0 anyway.",
		Signs:  []Sign{{From: applog.SourceJamf, Message: "No policies were found for the"}}},
	{Name: "device-signature-error",
		Phrase: "Jamf cannot act for this Mac until it is enrolled again, because its device signature is " +
			"missing or not valid",
		Phase: Preparation, Class: Trouble, Source: "JBLOG, https://github.com/jamf/ReEnroller/issues/6",
		Advice: "Enrol the Mac with Jamf Pro again, or have Jamf Pro redeploy its framework; until then no policy " +
			"and no inventory of this Mac works.",
		Signs: byJamf("Device Signature Error", "valid device signature is required")},
	{Name: "enrolment-refused", Phrase: "Jamf Pro refused to enrol this Mac: the account that enrols has no permission",
		Phase: Preparation, Class: Trouble, Source: "JBLOG",
		Advice: "Check in Jamf Pro the account of the enrolment: its privileges, and that the management account and " +
			"the PreStage's " +
			"local administrator have different names.",
		Signs: []Sign{
			{From: applog.SourceJamf, Message: "An error occurred while enrolling", Also: "ermission"},
			{From: applog.SourceJamf, Message: "An error occurred while enrolling", Also: "uthorized"},
			{From: applog.SourceJamf, Message: "An error occurred while enrolling", Also: "not allowed"},
			{From: applog.SourceJamf, Message: "An error occurred while enrolling", Also: "denied"},
		}},
	{Name: "enrolment-failed", Phrase: "this Mac could not be enrolled with Jamf Pro", Phase: Preparation,
		Class: Trouble, Source: "JBLOG",
		Advice: "Read the entry, fix its cause, and enrol the Mac again.",
		Signs:  byJamf("An error occurred while enrolling")},
	{Name: EnrolmentCompleted, Phrase: "the enrolment with Jamf Pro ended well", Phase: Preparation, Class: Noise,
		Source: "JBLOG",
		Settles: []string{"device-signature-error", "enrolment-refused", "enrolment-failed",
			"enrolment-ended-with-error",
			"jamf-permission-denied", "jamf-security-error", "jamf-keychain-failed", "jamf-error"},
		Signs: byJamf("Enroll return code: 0")},
	{Name: "enrolment-ended-with-error", Phrase: "the enrolment with Jamf Pro ended with an error", Phase: Preparation,
		Class: Trouble, Source: "JBLOG",
		Advice: "Read the entries before it: they say why; then enrol the Mac again.",
		Signs:  byJamf("Enroll return code: ")},
	{Name: "jamf-permission-denied", Phrase: "Jamf Pro refused an action: the account that Jamf uses has no permission",
		Phase: Preparation,
		Class: Trouble, Source: "JBLOG",
		Advice: "Check in Jamf Pro the privileges of the account with which this Mac was enrolled.",
		Signs:  byJamf("Permission Error", "does not have permission")},
	{Name: "jamf-security-error", Phrase: "Jamf could not use its own keychain, JAMF.keychain", Phase: Preparation,
		Class: Trouble, Source: "JBLOG",
		Advice: "Enrol the Mac with Jamf Pro again: that creates a new JAMF.keychain. The user's keychain is " +
			"not involved.",
		Signs: byJamf("Security Error")},
	{Name: "jamf-keychain-empty",
		Phrase: "Jamf's own keychain lacks an item; that is not the user's keychain and says nothing of Workplace Join",
		Class:  Noise, Source: "JBLOG", Signs: []Sign{{Domain: jamfSecurity, Number: -25300}}},
	{Name: "jamf-keychain-failed", Phrase: "Jamf could not read its own keychain, which is not the user's",
		Phase: Preparation, Class: Trouble,
		Source: "JBLOG", Advice: "Read the entries after it; if Jamf cannot continue, enrol the Mac with " +
			"Jamf Pro again.",
		Signs: []Sign{{Message: "Error Domain=" + jamfSecurity}}},
	{Name: "jamf-pro-unreachable", Phrase: "Jamf Pro could not be reached", Phase: Delivery, Class: Trouble,
		Source: "CMT",
		Advice: "Check the network, and with `jamf checkJSSConnection` that this Mac reaches Jamf Pro.",
		Signs:  byJamf("Could not connect to the JSS", "Connection failure:", "Connection Error - ")},
	{Name: "distribution-point-not-mounted",
		Phrase: "Jamf could not mount a distribution point, so that no package came from it",
		Phase:  Preparation, Class: Trouble, Source: "https://github.com/lindegroup/autopkgr/issues/297",
		Advice: "Check that this Mac's network reaches the file share and that its account is right, or have the " +
			"policy use a cloud " +
			"distribution point; then run the policy again.",
		Signs: byJamf("Could not mount distribution point")},
	{Name: "inventory-failed", Phrase: "the inventory update failed", Phase: Delivery, Class: Trouble, Source: "CMT",
		Advice: "Run `sudo /usr/local/jamf/bin/jamf recon` and read its output.",
		Signs:  []Sign{{From: applog.SourceJamf, Message: "Error running recon"}}},
	{Name: ScriptRan, Phrase: "a policy's script ended", Phase: Preparation, Class: Noise, Source: "JSM#199",
		Settles: []string{"distribution-point-not-mounted"},
		Signs:   []Sign{{From: applog.SourceJamf, Message: "Script exit code: 0"}}},
	{Name: ScriptFailed, Phrase: "a policy's script ended with an error", Phase: Preparation, Class: Trouble,
		Source: "JSM#199",
		Advice: "Read the script's result in the policy's log in Jamf Pro.",
		Signs:  byJamf("Script exit code: ", "Error running script: return code was ")},
	{Name: "package-failed", Phrase: "a policy could not install its package", Phase: Preparation, Class: Trouble,
		Source: "CMT",
		Advice: "Read what the installer reported in the policy's log in Jamf Pro; if it is Company Portal's " +
			"package, install it first.",
		Signs: []Sign{{From: applog.SourceJamf, Message: "Installation failed. The installer reported"}}},
	{Name: "package-installed", Phrase: "a policy installed its package", Phase: Preparation, Class: Noise,
		Source:  "CMT",
		Settles: []string{"distribution-point-not-mounted"},
		Signs:   []Sign{{From: applog.SourceJamf, Message: "Successfully installed "}}},
	{Name: "framework-enforced",
		Phrase: "Jamf refreshes its settings on this Mac, including whether Conditional Access applies to it",
		Class:  Noise, Source: "CMT, BW#5",
		Signs: []Sign{{From: applog.SourceJamf, Message: "Enforcing management framework"}}},
	{Name: "user-logged-in", Phrase: "the user logged in, as Jamf reports to Jamf Pro", Class: Noise, Source: "CMT",
		Signs: []Sign{{From: applog.SourceJamf, Message: "Informing the JSS about login for user"}}},
	{Name: "inventory-deferred", Phrase: "the inventory waits for the other queued actions of Self Service",
		Class: Noise, Source: "CW",
		Signs: []Sign{{From: applog.SourceJamf, Message: "Inventory will be updated when all queued actions"}}},
	{Name: "policy-check", Phrase: "Jamf looks for policies", Class: Noise, Source: "SB#33, CW, CIM",
		Signs: []Sign{{From: applog.SourceJamf, Message: "Checking for polic"}}},
	{Name: "jamf-error", Phrase: "Jamf reports an error", Phase: Preparation, Class: Trouble, Source: "JBLOG",
		Advice: "Read what the entry says.",
		Signs:  byJamf("There was an error")},
}

// jamfSecurity is the domain of the errors of JAMF.keychain.
const jamfSecurity = "com.jamf.jamfsecurity.error"

// byJamf are the signs of messages that Jamf writes.
func byJamf(messages ...string) (signs []Sign) {
	for _, message := range messages {
		signs = append(signs, Sign{From: applog.SourceJamf, Message: message})
	}
	return signs
}
