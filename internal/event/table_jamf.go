package event

import "usher.internal/internal/applog"

// jamfEvents are what jamf.log and the output of `jamf policy` show [reference/domain.md 5.1].
var jamfEvents = []Known{
	{Name: PolicyStarted, Title: "Jamf runs a policy", Phase: Preparation, Then: Preparation, Class: Progress, Source: "SEED",
		Signs: []Sign{{From: applog.SourceJamf, Message: "Executing Policy "}}},
	{Name: "policy-trigger-unknown", Title: "No policy has this trigger, or none is in this computer's scope", Phase: Preparation, Class: Trouble, Source: "JSM#162",
		Advice: "Check the policy's trigger and scope in Jamf Pro; `jamf policy` ends with 0 all the same.",
		Signs:  []Sign{{From: applog.SourceJamf, Message: "No policies were found for the"}}},
	{Name: "jamf-pro-unreachable", Title: "Jamf Pro could not be reached", Phase: Delivery, Class: Trouble, Source: "CMT",
		Advice: "Check the network, and with `jamf checkJSSConnection` that this Mac reaches Jamf Pro.",
		Signs:  []Sign{{From: applog.SourceJamf, Message: "Could not connect to the JSS"}, {From: applog.SourceJamf, Message: "Connection failure:"}}},
	{Name: "inventory-failed", Title: "The inventory update failed", Phase: Delivery, Class: Trouble, Source: "CMT",
		Advice: "Run `sudo jamf recon` and read what it says.",
		Signs:  []Sign{{From: applog.SourceJamf, Message: "Error running recon"}}},
	{Name: "script-ran", Title: "A policy's script ended", Phase: Preparation, Class: Noise, Source: "JSM#199",
		Signs: []Sign{{From: applog.SourceJamf, Message: "Script exit code: 0"}}},
	{Name: "script-failed", Title: "A policy's script ended with an error", Phase: Preparation, Class: Trouble, Source: "JSM#199",
		Advice: "Read the script's result in the policy's log in Jamf Pro.",
		Signs:  []Sign{{From: applog.SourceJamf, Message: "Script exit code: "}}},
	{Name: "package-failed", Title: "A policy could not install its package", Phase: Preparation, Class: Trouble, Source: "CMT",
		Advice: "Read what the installer reported in the policy's log in Jamf Pro; where it is Company Portal's package, install it first.",
		Signs:  []Sign{{From: applog.SourceJamf, Message: "Installation failed. The installer reported"}}},
	{Name: "package-installed", Title: "A policy installed its package", Phase: Preparation, Class: Noise, Source: "CMT",
		Signs: []Sign{{From: applog.SourceJamf, Message: "Successfully installed "}}},
	{Name: "framework-enforced", Title: "Jamf refreshes its settings on this Mac, and with them whether Conditional Access applies to it", Class: Noise, Source: "CMT, BW#5",
		Signs: []Sign{{From: applog.SourceJamf, Message: "Enforcing management framework"}}},
	{Name: "user-logged-in", Title: "The user logged in, as Jamf tells Jamf Pro", Class: Noise, Source: "CMT",
		Signs: []Sign{{From: applog.SourceJamf, Message: "Informing the JSS about login for user"}}},
	{Name: "inventory-deferred", Title: "The inventory waits until Self Service has done what else is queued", Class: Noise, Source: "CW",
		Signs: []Sign{{From: applog.SourceJamf, Message: "Inventory will be updated when all queued actions"}}},
	{Name: "policy-check", Title: "Jamf looks for policies", Class: Noise, Source: "reference/domain.md 5.1",
		Signs: []Sign{{From: applog.SourceJamf, Message: "Checking for polic"}}},
}
