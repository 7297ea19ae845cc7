package contract

import (
	"cmp"
	"syscall"

	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

var milestoneKinds = EnumOf[wpj.MilestoneKind, usherv1.MilestoneKind]()

// MilestoneToProto returns the message for a milestone.
func MilestoneToProto(milestone wpj.Milestone) *usherv1.Milestone {
	return &usherv1.Milestone{
		Kind: milestoneKinds.ToProto(milestone.Kind), Time: Timestamp(milestone.At), Detail: milestone.Detail,
	}
}

// MilestoneFromProto returns the milestone in a message. A kind that this version does not know is
// [wpj.MilestoneUnspecified].
func MilestoneFromProto(message *usherv1.Milestone) wpj.Milestone {
	return wpj.Milestone{
		Kind: cmp.Or(milestoneKinds.FromProto(message.GetKind()), wpj.MilestoneUnspecified),
		At:   Time(message.GetTime()), Detail: message.GetDetail(),
	}
}

// ExitToProto returns the message with the facts of an exit, nil for nil. [Explained] adds the words.
func ExitToProto(exit *wpj.Exit) *usherv1.PortalExit {
	if exit == nil {
		return nil
	}
	message := &usherv1.PortalExit{FromLog: exit.FromLog, How: &usherv1.PortalExit_Unknown{Unknown: true}}
	switch {
	case exit.Code != nil:
		message.How = &usherv1.PortalExit_Code{Code: int32(*exit.Code)}
	case exit.Signal != 0:
		message.How = &usherv1.PortalExit_Signal{Signal: int32(exit.Signal)}
	}
	return message
}

// ExitFromProto returns the exit in a message, nil for nil. A code or signal that no process can end with becomes an
// unknown exit.
func ExitFromProto(message *usherv1.PortalExit) *wpj.Exit {
	if message == nil {
		return nil
	}
	exit := &wpj.Exit{FromLog: message.GetFromLog()}
	switch how := message.GetHow().(type) {
	case *usherv1.PortalExit_Code:
		if code := wpj.ExitCode(how.Code); code >= 0 && code <= 255 {
			exit.Code = &code
		}
	case *usherv1.PortalExit_Signal:
		if how.Signal > 0 && how.Signal < 128 {
			exit.Signal = syscall.Signal(how.Signal)
		}
	}
	return exit
}

// Explained returns the message with the name of the exit and the advice about it, nil for nil.
func Explained(message *usherv1.PortalExit) *usherv1.PortalExit {
	if message != nil {
		info := ExitFromProto(message).Info()
		message.Name, message.AdminAdvice, message.UserAdvice, message.RetryCanHelp = info.Name, info.Admin, info.User,
			info.RetryCanHelp
	}
	return message
}
