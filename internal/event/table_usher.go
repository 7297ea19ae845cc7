package event

// usherEvents are the transitions in usher's own journal. The journal is read by its structure, so they have no signs
// in a log.
var usherEvents = []Known{
	{Name: RegistrationStarted, Phrase: "usher begins the registration", Phase: Preparation, Then: Preparation,
		Class: Progress, Source: "usher itself"},
	{Name: "usher-waiting-for-session", Phrase: "usher waits for the user's session", Phase: Session, Then: Session,
		Class: Progress, Source: "usher itself"},
	{Name: "usher-launching-portal", Phrase: "usher opens Company Portal", Phase: Launch, Then: Launch, Class: Progress,
		Source: "usher itself"},
	{Name: "usher-waiting-for-sign-in", Phrase: "Company Portal runs, and the user must sign in", Phase: SignIn,
		Then: SignIn, Class: Progress, Source: "usher itself"},
	{Name: "usher-reading-identity", Phrase: "usher reads the identity", Phase: Reading, Then: Reading, Class: Progress,
		Source: "usher itself"},
	{Name: "usher-delivering", Phrase: "usher reports to Jamf Pro", Phase: Delivery, Then: Delivery, Class: Progress,
		Source: "usher itself"},
	{Name: "usher-registration-succeeded", Phrase: "the registration is complete and reported to Jamf Pro",
		Phase: Delivery,
		Ends:  true, Class: Progress, Source: "usher itself"},
	{Name: RegistrationFailed, Phrase: "the registration failed", Ends: true, Class: Trouble, Source: "usher itself",
		Advice: "Do what the entry says."},
	{Name: "usher-registration-cancelled", Phrase: "the registration was cancelled", Ends: true, Class: Trouble,
		Source: "usher itself",
		Advice: "Start it again when the user is ready."},
}
