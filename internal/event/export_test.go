package event

// Phases are every phase, in the order in which a registration goes through them.
func Phases() []PhaseInfo { return phases }
