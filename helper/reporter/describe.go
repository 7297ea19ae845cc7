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

// A status has a limit, whatever is wrong on a Mac and however many have used it: the stream takes no message of more
// than [fleet.MaximumMessage], and a change that it does not take would keep all after it waiting. Names and sentences
// are in bytes.
const (
	usersTold       = 16
	problemsTold    = 8
	longestName     = 200
	longestSentence = 500
)

// change is what the fleet is told of a report, with what is personal.
func change(one delivery.Delivery) *usherv1.StatusChange {
	report := one.Report
	told := &usherv1.StatusChange{
		// The numbers begin anew with a journal that was damaged, the moments do not.
		Id:            fmt.Sprintf("%d-%d", one.ID, one.CreatedAt.UnixNano()),
		Time:          contract.Timestamp(report.At),
		Uid:           report.UID,
		Outcome:       usherv1.RegistrationState(usherv1.RegistrationState_value["REGISTRATION_STATE_"+report.Outcome]),
		FailureReason: usherv1.FailureReason(usherv1.FailureReason_value["FAILURE_REASON_"+report.FailureReason]),
	}
	if code := report.PortalExitCode; code != nil {
		number := int32(*code)
		told.PortalExitCode = &number
	}
	if report.Identity != nil {
		told.State = contract.StateToProto(report.Identity.State)
	}
	if moved := report.DeviceIDChange; moved != nil {
		told.DeviceIdChange = &usherv1.DeviceIDChange{
			OldDeviceId: short(string(moved.Old), longestName), NewDeviceId: short(string(moved.New), longestName),
			Time: contract.Timestamp(moved.At),
		}
	}
	return told
}

// describe is what the fleet is told of a status: it copies what docs/fleet-reference.md lists, and nothing else. What
// is personal in it is left out when it is sent.
func describe(status *usherv1.GetStatusResponse) *usherv1.MacStatus {
	helper := status.GetHelper()
	told := &usherv1.MacStatus{
		Version:           short(helper.GetVersion(), longestName),
		StartTime:         helper.GetStartTime(),
		OperatingSystem:   short(status.GetComputer().GetOperatingSystem(), longestName),
		DeliveryMode:      helper.GetDeliveryMode(),
		PendingDeliveries: status.GetOutbox().GetPending(),
		RefusedDeliveries: status.GetOutbox().GetRefused(),
		ProblemCount:      int32(len(status.GetProblems())),
		ComputerName:      short(status.GetComputer().GetName(), longestName),
	}
	for _, problem := range status.GetProblems()[:min(len(status.GetProblems()), problemsTold)] {
		told.Problems = append(told.Problems, short(problem, longestSentence))
	}
	users := slices.Clone(status.GetUsers())
	primary := contract.Primary(users)
	told.State = primary.GetIdentity().GetState()
	if at := slices.Index(users, primary); at > 0 {
		users = slices.Insert(slices.Delete(users, at, at+1), 0, primary)
	}
	told.MoreUsers = int32(max(0, len(users)-usersTold))
	for _, user := range users[:min(len(users), usersTold)] {
		told.Users = append(told.Users, describeUser(user))
	}
	return told
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

// encode returns the bytes of a message that is to be sent, of which the message keeps what may be told.
func (s Settings) encode(message proto.Message) ([]byte, error) {
	if !s.PersonalData {
		personal.Clear(message)
	}
	return proto.Marshal(message)
}

// short is a text as one line of at most so many bytes.
func short(text string, limit int) string {
	text = strings.ToValidUTF8(oneline.Of(text, limit), "\uFFFD")
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit-len("…")], "") + "…"
	}
	return text
}
