package personal_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"usher.internal/internal/documented"
	"usher.internal/internal/personal"
	usherv1 "usher.internal/proto/usher/v1"
)

var update = flag.Bool("update", false, "write the generated part of docs/privacy.md")

// roots are the messages that leave the Mac or enter a support archive.
var roots = []proto.Message{
	// The messages that the listener sends.
	(*usherv1.GetStatusResponse)(nil), (*usherv1.WatchStatusResponse)(nil),
	// The messages that are sent to and in a fleet.
	(*usherv1.StatusRequest)(nil), (*usherv1.StatusChange)(nil),
	// The messages in a support archive, including the output of `usherctl --json` in it.
	(*usherv1.Registration)(nil), (*usherv1.Check)(nil), (*usherv1.ExamineResponse)(nil),
	(*usherv1.ListRemovalsResponse)(nil), (*usherv1.ListDeliveriesResponse)(nil),
	(*usherv1.ListSupportFilesResponse)(nil),
}

// reachable returns the messages of usher's contracts that the roots contain, in the order of their names.
func reachable() []protoreflect.MessageDescriptor {
	found := map[protoreflect.FullName]protoreflect.MessageDescriptor{}
	var add func(message protoreflect.MessageDescriptor)
	add = func(message protoreflect.MessageDescriptor) {
		if found[message.FullName()] != nil || message.FullName().Parent() != "usher.v1" {
			return
		}
		found[message.FullName()] = message
		for i := range message.Fields().Len() {
			if inner := message.Fields().Get(i).Message(); inner != nil {
				add(inner)
			}
		}
	}
	for _, root := range roots {
		add(root.ProtoReflect().Descriptor())
	}
	var all []protoreflect.MessageDescriptor
	for _, message := range found {
		all = append(all, message)
	}
	slices.SortFunc(all, func(a, b protoreflect.MessageDescriptor) int {
		return strings.Compare(string(a.Name()), string(b.Name()))
	})
	return all
}

func TestEveryFieldSaysWhetherItIsPersonal(t *testing.T) {
	for _, message := range reachable() {
		for i := range message.Fields().Len() {
			field := message.Fields().Get(i)
			says := proto.GetExtension(field.Options(), usherv1.E_PersonalData)
			if says == usherv1.PersonalData_PERSONAL_DATA_UNSPECIFIED {
				t.Errorf("%s leaves the Mac or enters a support archive: give it the option personal_data in %s",
					field.FullName(), field.ParentFile().Path())
			}
			if field.IsMap() {
				t.Errorf("%s is a map, which package personal does not look into", field.FullName())
			}
		}
	}
}

// docs/privacy.md lists the personal fields; with -update the test writes the list.
func TestDocumentation(t *testing.T) {
	var table strings.Builder
	table.WriteString("\n| message | personal fields |\n| --- | --- |\n")
	for _, message := range reachable() {
		var fields []string
		for i := range message.Fields().Len() {
			if field := message.Fields().Get(i); personal.Is(field) {
				fields = append(fields, fmt.Sprintf("`%s`", field.Name()))
			}
		}
		if len(fields) > 0 {
			fmt.Fprintf(&table, "| `%s` | %s |\n", message.Name(), strings.Join(fields, ", "))
		}
	}
	table.WriteString("\n")
	documented.Part(t, "../../docs/privacy.md", "personal", "go test ./internal/personal -update", table.String(),
		*update)
}

// status has personal fields at every depth, and other fields next to them.
func status() *usherv1.GetStatusResponse {
	return &usherv1.GetStatusResponse{
		Helper:   &usherv1.HelperStatus{Version: "1.2.3"},
		Problems: []string{"jane is not registered", "john is not registered"},
		Users: []*usherv1.UserStatus{{
			User:             &usherv1.User{Name: "jane", Uid: 501},
			LastRegistration: &usherv1.Registration{Id: "r-1", User: &usherv1.User{Name: "jane", Uid: 501}},
			DeviceIdChange:   &usherv1.DeviceIDChange{OldDeviceId: "old of jane", NewDeviceId: "new of jane"},
			Evidence: []*usherv1.Evidence{{
				Source:       usherv1.IdentitySource_IDENTITY_SOURCE_JAMF_PRO,
				Certificates: []*usherv1.DeviceCertificate{{Der: []byte("CN=jane"), HasPrivateKey: true}},
				Facts: &usherv1.Evidence_Compliance{Compliance: &usherv1.ComplianceFacts{State: "COMPLIANT",
					DeviceIds: []string{"d of jane"}}},
			}},
		}},
	}
}

func TestClear(t *testing.T) {
	message := status()
	personal.Clear(message)
	want := &usherv1.GetStatusResponse{
		Helper: &usherv1.HelperStatus{Version: "1.2.3"},
		Users: []*usherv1.UserStatus{{
			User:             &usherv1.User{Uid: 501},
			LastRegistration: &usherv1.Registration{Id: "r-1", User: &usherv1.User{Uid: 501}},
			Evidence: []*usherv1.Evidence{{
				Source:       usherv1.IdentitySource_IDENTITY_SOURCE_JAMF_PRO,
				Certificates: []*usherv1.DeviceCertificate{{HasPrivateKey: true}},
				Facts:        &usherv1.Evidence_Compliance{Compliance: &usherv1.ComplianceFacts{State: "COMPLIANT"}},
			}},
		}},
	}
	if !proto.Equal(message, want) {
		t.Errorf("got %v", message)
	}
}

func TestReplace(t *testing.T) {
	message := status()
	personal.Replace(message, func(text string) string { return strings.ReplaceAll(text, "jane", "user-1") })
	want := status()
	want.Problems[0] = "user-1 is not registered"
	user := want.Users[0]
	user.User.Name, user.LastRegistration.User.Name = "user-1", "user-1"
	user.DeviceIdChange.OldDeviceId, user.DeviceIdChange.NewDeviceId = "old of user-1", "new of user-1"
	user.Evidence[0].Certificates[0].Der = nil
	user.Evidence[0].GetCompliance().DeviceIds[0] = "d of user-1"
	if !proto.Equal(message, want) {
		t.Errorf("got %v", message)
	}
}

// A field without the option is cleared: nobody has decided whether it is personal.
func TestAFieldThatDoesNotSayIsPersonal(t *testing.T) {
	request := &usherv1.ListRegistrationsRequest{User: "jane", Limit: 7}
	personal.Clear(request)
	if !proto.Equal(request, &usherv1.ListRegistrationsRequest{}) {
		t.Errorf("got %v", request)
	}
}

func TestTextsOfAnArchive(t *testing.T) {
	data, err := protojson.Marshal(&usherv1.Check{Name: "disk", User: "jane", Evidence: "It is full."})
	if err != nil {
		t.Fatal(err)
	}
	texts, err := personal.Texts(fmt.Appendf(nil, `{"schema":"usher.v1","command":"doctor","data":%s}`, data))
	slices.Sort(texts)
	if err != nil || !slices.Equal(texts, []string{"It is full.", "jane"}) {
		t.Errorf("%q, %v", texts, err)
	}
	if texts, err = personal.Texts([]byte(`{"command":"config show","data":[]}`)); err != nil || len(texts) > 0 {
		t.Errorf("of a value that is no message: %q, %v", texts, err)
	}
	for _, line := range []string{"", `{"command":"doctor","data":[]}`} {
		if texts, err = personal.Texts([]byte(line)); err == nil {
			t.Errorf("%q has %q", line, texts)
		}
	}
}
