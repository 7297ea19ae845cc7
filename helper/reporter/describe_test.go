package reporter

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"usher.internal/helper/delivery"
	"usher.internal/internal/documented"
	"usher.internal/internal/fleet"
	"usher.internal/internal/personal"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

var update = flag.Bool("update", false, "write the generated part of docs/fleet-reference.md")

// marker is in every text that a Mac could send.
const marker = "jane"

// filled fills a message with recognizable values: every text has the marker, and no number is zero.
func filled(message protoreflect.Message, depth int) protoreflect.Message {
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		var value protoreflect.Value
		switch field.Kind() {
		case protoreflect.StringKind:
			value = protoreflect.ValueOfString(marker)
		case protoreflect.BoolKind:
			value = protoreflect.ValueOfBool(true)
		case protoreflect.EnumKind:
			value = protoreflect.ValueOfEnum(1)
		case protoreflect.Int32Kind:
			value = protoreflect.ValueOfInt32(7)
		case protoreflect.Int64Kind:
			value = protoreflect.ValueOfInt64(7)
		case protoreflect.Uint32Kind:
			value = protoreflect.ValueOfUint32(7)
		case protoreflect.MessageKind:
			if depth == 0 || field.IsMap() {
				continue
			}
			element := message.NewField(field)
			if field.IsList() {
				element = element.List().NewElement()
			}
			value = protoreflect.ValueOfMessage(filled(element.Message(), depth-1))
		default:
			continue
		}
		if field.IsList() {
			message.Mutable(field).List().Append(value)
		} else {
			message.Set(field, value)
		}
	}
	return message
}

func wholeStatus() *usherv1.GetStatusResponse {
	return filled(new(usherv1.GetStatusResponse).ProtoReflect(), 5).Interface().(*usherv1.GetStatusResponse)
}

// wholeChange returns a change as it is sent, with or without personal data.
func wholeChange(t *testing.T, personal bool) *usherv1.StatusChange {
	t.Helper()
	code := wpj.ExitCode(66)
	message := change(delivery.Delivery{ID: 1, Report: delivery.Report{
		UID: 501, UserName: marker, Detail: marker, Outcome: "FAILED", FailureReason: "PORTAL_FAILED",
		PortalExitCode: &code,
		Identity: &wpj.Identity{State: wpj.StateRegistered, UserPrincipalName: marker, DeviceID: marker,
			TenantID: marker, Detail: marker},
		DeviceIDChange: &delivery.DeviceIDChange{Old: marker, New: marker},
	}})
	message.Mac = describe(wholeStatus())
	content, err := Settings{PersonalData: personal}.encode(message)
	sent := &usherv1.StatusChange{}
	if err := errors.Join(err, proto.Unmarshal(content, sent)); err != nil {
		t.Fatal(err)
	}
	return sent
}

// presentFields returns the fields of a message, and of its inner messages, that are set.
func presentFields(message protoreflect.Message, found map[string]bool) {
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		found[string(field.FullName())] = true
		switch {
		case field.Kind() != protoreflect.MessageKind:
		case field.IsList():
			for i := range value.List().Len() {
				presentFields(value.List().Get(i).Message(), found)
			}
		default:
			presentFields(value.Message(), found)
		}
		return true
	})
}

// remarks returns the comments of the fields in the contract.
func remarks(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	message, comment := "", []string(nil)
	for _, file := range []string{"fleet.proto", "identity.proto", "registration.proto"} {
		content, err := os.ReadFile("../../proto/usher/v1/" + file)
		if err != nil {
			t.Fatal(err)
		}
		field := regexp.MustCompile(`^(?:repeated |optional )?[\w.]+ (\w+) = \d+[ ;]`)
		for line := range strings.Lines(string(content)) {
			line = strings.TrimSpace(line)
			if name, found := strings.CutPrefix(line, "message "); found {
				message = strings.Fields(name)[0]
			}
			if text, found := strings.CutPrefix(line, "// "); found {
				comment = append(comment, text)
				continue
			}
			if match := field.FindStringSubmatch(line); match != nil {
				all["usher.v1."+message+"."+match[1]] = strings.Join(comment, " ")
			}
			comment = nil
		}
	}
	return all
}

// docs/fleet-reference.md lists exactly the fields of the contract as sent, and marks exactly its personal fields as
// left out.
func TestEverythingThatIsSentIsDocumented(t *testing.T) {
	said := remarks(t)
	whole := make(map[string]bool)
	presentFields(wholeChange(t, true).ProtoReflect(), whole)
	// These are set where the message is sent.
	elsewhere := []string{"mac", "instance", "time", "unpublished_changes", "dropped_changes", "more_users",
		"personal_data_left_out", "start_time"}
	var table strings.Builder
	for _, message := range []proto.Message{new(usherv1.MacStatus), new(usherv1.MacUser),
		new(usherv1.StatusChange), new(usherv1.DeviceIDChange)} {
		descriptor := message.ProtoReflect().Descriptor()
		fmt.Fprintf(&table, "\n**%s**\n\n| field | personal | what |\n| --- | --- | --- |\n", descriptor.Name())
		for i := range descriptor.Fields().Len() {
			field := descriptor.Fields().Get(i)
			name := string(field.FullName())
			remark := said[name]
			message := map[bool]string{true: "yes", false: ""}[personal.Is(field)]
			fmt.Fprintf(&table, "| `%s` | %s | %s |\n", field.Name(), message, remark)
			if remark == "" {
				t.Errorf("%s has no comment in the contract", name)
			}
			if !whole[name] && !slices.Contains(elsewhere, string(field.Name())) {
				t.Errorf("%s is never sent", name)
			}
		}
	}
	table.WriteString("\n")
	documented.Part(t, "../../docs/fleet-reference.md", "sent", "go test ./helper/reporter -update", table.String(),
		*update)
}

// Without personal data, no text about a person is anywhere in the bytes.
func TestNoTextOfAPersonIsLeft(t *testing.T) {
	impersonal := wholeChange(t, false)
	// These fields are the same for everybody who has the same Mac.
	impersonal.Mac.Version, impersonal.Mac.OperatingSystem, impersonal.Mac.DeliveryMode = "", "", ""
	for _, user := range impersonal.GetMac().GetUsers() {
		user.TenantId = ""
	}
	content, err := proto.Marshal(impersonal)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(content), marker) {
		t.Errorf("%q contains %s", content, marker)
	}
	content, err = proto.Marshal(wholeChange(t, true))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), marker) {
		t.Error("with personal data nothing is sent either")
	}
}

// The stream takes a status of any Mac, however much it reports. A change that it refuses would delay all later ones.
func TestAChangeHasALimit(t *testing.T) {
	status := wholeStatus()
	long := strings.Repeat("ä\x1b😀", 10_000)
	status.Problems = slices.Repeat([]string{long}, 100)
	status.Computer.Name, status.Computer.OperatingSystem, status.Helper.Version = long, long, long
	user := status.Users[0]
	user.User.Name, user.Session, user.Primary = long, nil, false
	user.Identity.Detail, user.Identity.DeviceId, user.Identity.UserPrincipalName, user.Identity.TenantId = long, long,
		long, long
	status.Users = slices.Repeat([]*usherv1.UserStatus{user}, 500)
	primary := proto.CloneOf(user)
	primary.User.Name, primary.Primary = "the primary user", true
	status.Users = append(status.Users, primary)
	message := describe(status)
	content, err := proto.Marshal(
		&usherv1.StatusChange{Mac: message, DeviceIdChange: wholeChange(t, true).GetDeviceIdChange()})
	if err != nil {
		t.Fatal(err)
	}
	if len(content) > fleet.MaximumMessage-1000 {
		t.Errorf("a change has %d bytes", len(content))
	}
	if len(message.GetUsers()) != usersSent || message.GetMoreUsers() != 501-usersSent ||
		message.GetUsers()[0].GetName() != "the primary user" {
		t.Errorf("%d users are sent, %d more, the first is %q", len(message.GetUsers()), message.GetMoreUsers(),
			message.GetUsers()[0].GetName())
	}
	if len(message.GetProblems()) != problemsSent || message.GetProblemCount() != 100 {
		t.Errorf("%d problems are sent of %d", len(message.GetProblems()), message.GetProblemCount())
	}
	for _, text := range append(message.GetProblems(), message.GetComputerName(), message.GetUsers()[1].GetDetail()) {
		if strings.ContainsRune(text, '\x1b') || strings.ToValidUTF8(text, "") != text ||
			!strings.HasSuffix(text, "…") {
			t.Errorf("a text is %q", text)
		}
	}
	if status.GetUsers()[500].GetUser().GetName() != "the primary user" {
		t.Error("the status itself was changed")
	}
}
