package status

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/proto"

	"usher.internal/helper/primary"
	"usher.internal/helper/sessions"
	"usher.internal/internal/accounts"
	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// people knows the users of this Mac, and which of them is the primary one.
type people struct{ Config }

// users returns everyone who is logged in or known, if visible, logged-in users first. A user is a uid with a name:
// after an account was deleted, another person may get its uid.
func (p *people) users(journal *snapshot, configured string,
	visible func(*usherv1.User) bool) ([]*usherv1.UserStatus, error) {
	var users []*usherv1.UserStatus
	console, onConsole := accounts.Console()
	present := make(map[*usherv1.UserStatus]bool)
	for _, session := range p.Sessions.List() {
		uid := session.User.UID
		user := &usherv1.UserStatus{User: contract.UserToProto(session.User),
			NoAccount: p.Accounts.Gone(uid, session.User.Name)}
		if known := journal.of(uid, session.User.Name); known != nil {
			present[known] = true
			user.LastRegistration, user.ReportedRegistration = known.LastRegistration, known.ReportedRegistration
			user.Identity, user.LastKnownIdentity, user.Evidence = known.Identity, known.LastKnownIdentity,
				known.Evidence
			user.DeviceIdChange, user.LookTime, user.LostKeychain = known.DeviceIdChange, known.LookTime,
				known.LostKeychain
		}
		user.Session = &usherv1.SessionStatus{
			AgentVersion: session.AgentVersion,
			ConnectTime:  contract.Timestamp(session.ConnectedAt),
			OnConsole:    onConsole && console == uid,
			AgentPid:     int32(session.AgentPID),
		}
		users = append(users, user)
	}
	for _, known := range journal.users {
		if present[known] {
			continue
		}
		gone := p.Accounts.Gone(known.User.Uid, known.User.Name)
		if known.Identity == nil || gone {
			known = proto.CloneOf(known) // it is shared
			known.NoAccount = gone
		}
		if known.Identity == nil {
			known.Identity = contract.IdentityToProto(neverSeen())
		}
		users = append(users, known)
	}
	if person, there := p.Accounts.Named(configured); there &&
		!slices.ContainsFunc(users, func(user *usherv1.UserStatus) bool { return user.User.Name == person.Name }) {
		users = append(users, &usherv1.UserStatus{
			User: contract.UserToProto(person), Identity: contract.IdentityToProto(neverSeen()),
		})
	}
	if err := p.choose(users, configured); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(users, func(user *usherv1.UserStatus) bool { return !visible(user.User) }), nil
}

// lookUpAccounts looks up the accounts of all users, if the last time was some time ago.
func (p *people) lookUpAccounts(journal *snapshot, configured string) {
	var users []primary.Candidate
	for _, session := range p.Sessions.List() {
		users = append(users, primary.Candidate{UID: session.User.UID, Name: session.User.Name})
	}
	for _, known := range journal.users {
		users = append(users, primary.Candidate{UID: known.User.Uid, Name: known.User.Name})
	}
	p.Accounts.Refresh(users, configured)
}

// choose marks the primary one of all users.
func (p *people) choose(users []*usherv1.UserStatus, configured string) error {
	console, onConsole := accounts.Console()
	atMac, err := p.Presence.Last()
	if err != nil {
		return err
	}
	var candidates []primary.Candidate
	for _, user := range users {
		last := cmp.Or(user.LastKnownIdentity, user.Identity)
		candidates = append(candidates, primary.Candidate{
			UID: user.User.Uid, Name: user.User.Name,
			UserPrincipalName: wpj.UserPrincipalName(last.GetUserPrincipalName()),
			Holds:             contract.StateFromProto(last.GetState()).Registered(), HasAccount: !user.NoAccount,
			OnConsole: onConsole && console == user.User.Uid, AtMac: atMac(user.User.Uid, user.User.Name),
			LookedAt: contract.Time(user.LookTime),
		})
	}
	uid, found := primary.Choose(candidates, configured)
	at := slices.IndexFunc(users,
		func(user *usherv1.UserStatus) bool { return user.User.Uid == uid && !user.NoAccount })
	if found && at >= 0 {
		users[at] = proto.CloneOf(users[at]) // it may be shared
		users[at].Primary = true
	}
	return nil
}

// withoutAgent returns the user on the console, if visible and if their agent is not connected; empty for nobody.
func (p *people) withoutAgent(visible func(uid uint32) bool) string {
	person, there := accounts.AtConsole()
	if !there || !visible(person.UID) ||
		slices.ContainsFunc(p.Sessions.List(), func(one sessions.Session) bool { return one.User.UID == person.UID }) {
		return ""
	}
	return person.Name
}
