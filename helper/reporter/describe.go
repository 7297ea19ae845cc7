package reporter

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"usher.internal/helper/delivery"
	"usher.internal/internal/contract"
	"usher.internal/internal/oneline"
	"usher.internal/internal/personal"
	usherv1 "usher.internal/proto/usher/v1"
)

// A status has limits, whatever is wrong on a Mac and however many people have used it. The stream takes no message of
// more than [fleet.MaximumMessage], and a change that it refuses would delay all later ones. Names and sentences are
// limited in bytes.
const (
	usersSent       = 16
	problemsSent    = 8
	longestName     = 200
	longestSentence = 500
)

// change returns the message for a report, including personal data.
func change(one delivery.Delivery) *usherv1.StatusChange {
	report := one.Report
	message := &usherv1.StatusChange{
		// The numbers start again after the journal was damaged; the times do not.
		Id:            fmt.Sprintf("%d-%d", one.ID, one.CreatedAt.UnixNano()),
		Time:          contract.Timestamp(report.At),
		Uid:           report.UID,
		Outcome:       contract.Value[usherv1.RegistrationState](report.Outcome),
		FailureReason: contract.Value[usherv1.FailureReason](report.FailureReason),
	}
	if code := report.PortalExitCode; code != nil {
		number := int32(*code)
		message.PortalExitCode = &number
	}
	if report.Identity != nil {
		message.State = contract.StateToProto(report.Identity.State)
	}
	if moved := report.DeviceIDChange; moved != nil {
		message.DeviceIdChange = &usherv1.DeviceIDChange{
			OldDeviceId: short(string(moved.Old), longestName), NewDeviceId: short(string(moved.New), longestName),
			Time: contract.Timestamp(moved.At),
		}
	}
	return message
}

// describe returns the message for a status. It copies what docs/fleet-reference.md lists, and nothing else. Personal
// data is removed when it is sent.
func describe(status *usherv1.GetStatusResponse) *usherv1.MacStatus {
	helper := status.GetHelper()
	message := &usherv1.MacStatus{
		Version:           short(helper.GetVersion(), longestName),
		StartTime:         helper.GetStartTime(),
		OperatingSystem:   short(status.GetComputer().GetOperatingSystem(), longestName),
		DeliveryMode:      helper.GetDeliveryMode(),
		PendingDeliveries: status.GetOutbox().GetPending(),
		RefusedDeliveries: status.GetOutbox().GetRefused(),
		ProblemCount:      int32(len(status.GetProblems())),
		ComputerName:      short(status.GetComputer().GetName(), longestName),
	}
	for _, problem := range status.GetProblems()[:min(len(status.GetProblems()), problemsSent)] {
		message.Problems = append(message.Problems, short(problem, longestSentence))
	}
	users := slices.Clone(status.GetUsers())
	primary := contract.Primary(users)
	message.State = primary.GetIdentity().GetState()
	if at := slices.Index(users, primary); at > 0 {
		users = slices.Insert(slices.Delete(users, at, at+1), 0, primary)
	}
	message.MoreUsers = int32(max(0, len(users)-usersSent))
	for _, user := range users[:min(len(users), usersSent)] {
		message.Users = append(message.Users, describeUser(user))
	}
	return message
}

func describeUser(user *usherv1.UserStatus) *usherv1.MacUser {
	identity, last := user.GetIdentity(), user.GetLastRegistration()
	return &usherv1.MacUser{
		Uid:               user.GetUser().GetUid(),
		Name:              short(user.GetUser().GetName(), longestName),
		State:             identity.GetState(),
		Detail:            short(identity.GetDetail(), longestSentence),
		DeviceId:          short(identity.GetDeviceId(), longestName),
		TenantId:          short(identity.GetTenantId(), longestName),
		UserPrincipalName: short(identity.GetUserPrincipalName(), longestName),
		LookTime:          user.GetLookTime(),
		LoggedIn:          user.GetSession() != nil,
		OnConsole:         user.GetSession().GetOnConsole(),
		RegistrationState: last.GetState(),
		FailureReason:     last.GetFailureReason(),
		RegistrationTime:  last.GetUpdateTime(),
	}
}

// encode returns the bytes of a message to send. The message keeps only the fields that may be sent.
func (s Settings) encode(message proto.Message) ([]byte, error) {
	if !s.PersonalData {
		personal.Clear(message)
	}
	return proto.Marshal(message)
}

// short returns a text as one line of at most so many bytes.
func short(text string, limit int) string {
	text = strings.ToValidUTF8(oneline.Of(text, limit), "\uFFFD")
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit-len("…")], "") + "…"
	}
	return text
}
