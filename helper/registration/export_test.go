package registration

// States returns every state, in the order in which a registration passes them.
func States() []State {
	return []State{
		StatePreflight, StateWaitingForSession, StateLaunchingPortal, StateWaitingForSignIn, StateReadingIdentity,
		StateDelivering, StateSucceeded, StateFailed, StateCancelled,
	}
}
