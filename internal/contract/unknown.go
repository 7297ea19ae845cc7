package contract

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// A program of another version can send enum values that this one does not know. They are shown with their number,
// never as a known value and never as nothing.

// enum is a generated enum.
type enum interface {
	~int32
	protoreflect.Enum
}

// Name returns the name of an enum value without the prefix of its type, for example FOUND for FINDING_FOUND. For an
// unknown state of an identity it is CANNOT_TELL with the number, and for other unknown numbers it is UNKNOWN with the
// number.
func Name[E enum](value E) string {
	values := value.Descriptor().Values()
	if known := values.ByNumber(value.Number()); known != nil {
		return strings.TrimPrefix(string(known.Name()), prefix(values))
	}
	word := "UNKNOWN"
	if value.Descriptor() == usherv1.IdentityState(0).Descriptor() {
		word = string(wpj.StateCannotTell)
	}
	return fmt.Sprintf("%s (%d)", word, value.Number())
}

// prefix begins the names of an enum's values. `buf lint` checks that the value 0 is the prefix and UNSPECIFIED.
func prefix(values protoreflect.EnumValueDescriptors) string {
	return strings.TrimSuffix(string(values.ByNumber(0).Name()), "UNSPECIFIED")
}

// Readable returns the message with CANNOT_TELL in place of each unknown state of an identity. The identity's detail
// begins with the number. Other unknown numbers do not change.
func Readable[M proto.Message](message M) M {
	readable := proto.CloneOf(message)
	makeReadable(readable.ProtoReflect())
	return readable
}

func makeReadable(message protoreflect.Message) {
	unknown := protoreflect.EnumNumber(0)
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsMap(): // no message of the contract has one
		case field.Message() != nil && field.IsList():
			for i := range value.List().Len() {
				makeReadable(value.List().Get(i).Message())
			}
		case field.Message() != nil:
			makeReadable(value.Message())
		case field.Enum() != nil && !field.IsList() && field.Enum() == usherv1.IdentityState(0).Descriptor() &&
			field.Enum().Values().ByNumber(value.Enum()) == nil:
			unknown = value.Enum()
			message.Set(field, protoreflect.ValueOfEnum(usherv1.IdentityState_IDENTITY_STATE_CANNOT_TELL.Number()))
		}
		return true
	})
	if identity, ok := message.Interface().(*usherv1.Identity); ok && unknown != 0 {
		identity.Detail = strings.TrimSpace(
			fmt.Sprintf("usherd says state %d, which this version does not know. %s", unknown, identity.GetDetail()))
	}
}
