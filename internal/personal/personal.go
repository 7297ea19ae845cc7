// Package personal handles the personal data in the fields of the contracts. The option personal_data of
// proto/usher/v1/personal.proto marks each field. [Clear] and [Replace] read that option, so no program keeps a list of
// its own. A test requires the option on every field that leaves the Mac or enters a support archive.
package personal

import (
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	usherv1 "usher.internal/proto/usher/v1"
)

// Is reports whether a field is personal data. A field without the option is.
func Is(field protoreflect.FieldDescriptor) bool {
	return proto.GetExtension(field.Options(), usherv1.E_PersonalData) != usherv1.PersonalData_PERSONAL_DATA_NONE
}

// Clear clears the personal data in a message, and in the messages inside it.
func Clear(message proto.Message) {
	walk(message.ProtoReflect(),
		func(in protoreflect.Message, field protoreflect.FieldDescriptor, _ protoreflect.Value) {
			in.Clear(field)
		})
}

// Replace replaces each personal text in a message, and in the messages inside it, by the result of change. Personal
// bytes are cleared, because they cannot be searched.
func Replace(message proto.Message, change func(text string) string) {
	walk(message.ProtoReflect(), func(in protoreflect.Message, field protoreflect.FieldDescriptor,
		value protoreflect.Value) {
		replace(in, field, value, change)
	})
}

func replace(in protoreflect.Message, field protoreflect.FieldDescriptor, value protoreflect.Value,
	change func(string) string) {
	switch {
	case field.Kind() == protoreflect.BytesKind:
		in.Clear(field)
	case field.Kind() == protoreflect.StringKind && field.IsList():
		for i := range value.List().Len() {
			value.List().Set(i, protoreflect.ValueOfString(change(value.List().Get(i).String())))
		}
	case field.Kind() == protoreflect.StringKind:
		in.Set(field, protoreflect.ValueOfString(change(value.String())))
	case field.Message() != nil:
		for _, message := range messages(field, value) { // everything in a personal field
			message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
				replace(message, field, value, change)
				return true
			})
		}
	}
}

// walk calls visit for each personal field that is set. It does not look into such a field.
func walk(message protoreflect.Message, visit func(protoreflect.Message, protoreflect.FieldDescriptor,
	protoreflect.Value)) {
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case Is(field):
			visit(message, field, value)
		case isOurs(field.Message()):
			for _, inner := range messages(field, value) {
				walk(inner, visit)
			}
		}
		return true
	})
}

// isOurs reports whether a message is one of usher's contracts. The fields of others, such as a Timestamp, have no
// option.
func isOurs(message protoreflect.MessageDescriptor) bool {
	return message != nil && message.ParentFile().Package() == usherv1.File_usher_v1_personal_proto.Package()
}

// messages returns the messages in a field. The contracts have no maps.
func messages(field protoreflect.FieldDescriptor, value protoreflect.Value) (all []protoreflect.Message) {
	if !field.IsList() {
		return []protoreflect.Message{value.Message()}
	}
	for i := range value.List().Len() {
		all = append(all, value.List().Get(i).Message())
	}
	return all
}

// archived are the messages in the files of a support archive, by the command in the envelope around them
// (docs/json.md).
var archived = map[string]proto.Message{
	"status":             (*usherv1.GetStatusResponse)(nil),
	"doctor":             (*usherv1.Check)(nil),
	"registrations show": (*usherv1.Registration)(nil),
	"clean history":      (*usherv1.ListRemovalsResponse)(nil),
}

// Texts returns each personal text in a line of a support archive's JSON. A line whose value is not a message has none.
func Texts(line []byte) (texts []string, err error) {
	var envelope struct {
		Command string          `json:"command"`
		Data    json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(line, &envelope); err != nil {
		return nil, fmt.Errorf("read a line of a support archive: %w", err)
	}
	kind := archived[envelope.Command]
	if kind == nil {
		return nil, nil
	}
	message := kind.ProtoReflect().New().Interface()
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(envelope.Data, message); err != nil {
		return nil, fmt.Errorf("read %q of a support archive: %w", envelope.Command, err)
	}
	Replace(message, func(text string) string {
		texts = append(texts, text)
		return text
	})
	return texts, nil
}
