// Package personal knows which fields of the contracts are personal data. Each field says it itself, by the option
// personal_data of proto/usher/v1/personal.proto. [Clear] and [Replace] read that option, so that no program keeps a
// list of its own. A test holds that every field says it which leaves the Mac or enters a support archive.
package personal

import (
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	usherv1 "usher.internal/proto/usher/v1"
)

// Is reports whether a field is personal data. A field that does not say so is.
func Is(field protoreflect.FieldDescriptor) bool {
	return proto.GetExtension(field.Options(), usherv1.E_PersonalData) != usherv1.PersonalData_PERSONAL_DATA_NONE
}

// Clear clears what is personal in a message, and in the messages in it.
func Clear(message proto.Message) {
	walk(message.ProtoReflect(),
		func(in protoreflect.Message, field protoreflect.FieldDescriptor, _ protoreflect.Value) {
			in.Clear(field)
		})
}

// Replace replaces each text that is personal in a message, and in the messages in it, by what change returns for it.
// What is personal and is bytes is cleared: nobody can look through it.
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
		for _, message := range messages(field, value) { // all of what is in a field that is personal
			message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
				replace(message, field, value, change)
				return true
			})
		}
	}
}

// walk calls visit for each field that is set and personal. It does not look into what is.
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

// isOurs reports whether a message is one of usher's contracts: the fields of others, as of a Timestamp, say nothing.
func isOurs(message protoreflect.MessageDescriptor) bool {
	return message != nil && message.ParentFile().Package() == usherv1.File_usher_v1_personal_proto.Package()
}

// messages are those in a field. The contracts have no maps.
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

// Texts returns each text that is personal in a line of a support archive's JSON. A line with another value than a
// message has none.
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
