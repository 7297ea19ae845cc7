package contract_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// Every field of a message, with every value of an enum, returns unchanged from usher's own type. A field that nobody
// converts is lost and fails; so does one without a value here.
func TestEveryFieldThereAndBack(t *testing.T) {
	for _, one := range []struct {
		empty     proto.Message
		convert   func(proto.Message) proto.Message
		leavesOut []protoreflect.Name // with the reason next to them
	}{
		{&usherv1.User{}, func(m proto.Message) proto.Message {
			return contract.UserToProto(contract.UserFromProto(m.(*usherv1.User)))
		}, nil},
		{&usherv1.Milestone{}, func(m proto.Message) proto.Message {
			return contract.MilestoneToProto(contract.MilestoneFromProto(m.(*usherv1.Milestone)))
		}, nil},
		// The words are not facts: usherd adds them.
		{&usherv1.PortalExit{}, func(m proto.Message) proto.Message {
			return contract.ExitToProto(contract.ExitFromProto(m.(*usherv1.PortalExit)))
		}, []protoreflect.Name{"name", "admin_advice", "user_advice", "retry_can_help"}},
		{&usherv1.Identity{}, func(m proto.Message) proto.Message {
			return contract.IdentityToProto(contract.IdentityFromProto(m.(*usherv1.Identity)))
		}, nil},
		// The state's word in user_state decides. The field user is for programs that do not read user_state.
		{&usherv1.Evidence{}, func(m proto.Message) proto.Message {
			return contract.EvidenceToProto(contract.EvidenceFromProto(m.(*usherv1.Evidence)))
		}, []protoreflect.Name{"user"}},
	} {
		name := one.empty.ProtoReflect().Descriptor().Name()
		for _, sent := range variants(t, one.empty.ProtoReflect(), one.leavesOut) {
			if got := one.convert(sent.Interface()); !proto.Equal(got, sent.Interface()) {
				t.Errorf("%s: %v\ncomes back as %v", name, sent.Interface(), got)
			}
		}
	}
}

// variants returns messages with one field set each: to every value of an enum, and to every variant of a message.
func variants(t *testing.T, empty protoreflect.Message, leavesOut []protoreflect.Name) (all []protoreflect.Message) {
	t.Helper()
	for i := range empty.Descriptor().Fields().Len() {
		field := empty.Descriptor().Fields().Get(i)
		if slices.Contains(leavesOut, field.Name()) {
			continue
		}
		before := len(all)
		for _, value := range values(t, empty, field, leavesOut) {
			message := base(empty)
			if field.IsList() {
				message.Mutable(field).List().Append(value)
			} else {
				message.Set(field, value)
			}
			if field.Name() == "fix" { // detail ends with it
				message.Set(empty.Descriptor().Fields().ByName("detail"),
					protoreflect.ValueOfString("It is so; "+value.String()+"."))
			}
			all = append(all, message)
		}
		if len(all) == before {
			t.Errorf("%s: no value for it", field.FullName())
		}
	}
	return all
}

// base has the fields that usher's messages always have. Without one, the message means something else.
func base(empty protoreflect.Message) protoreflect.Message {
	message := proto.Clone(empty.Interface())
	switch message := message.(type) {
	case *usherv1.Evidence:
		message.Finding = usherv1.Finding_FINDING_FOUND
	case *usherv1.PortalExit:
		message.How = &usherv1.PortalExit_Unknown{Unknown: true}
	}
	return message.ProtoReflect()
}

// values returns values for a field, none of them its default.
func values(t *testing.T, of protoreflect.Message, field protoreflect.FieldDescriptor,
	leavesOut []protoreflect.Name) (all []protoreflect.Value) {
	t.Helper()
	switch field.Kind() {
	case protoreflect.EnumKind:
		for i := range field.Enum().Values().Len() {
			if number := field.Enum().Values().Get(i).Number(); number != 0 {
				all = append(all, protoreflect.ValueOfEnum(number))
			}
		}
	case protoreflect.MessageKind:
		if field.Message().FullName() == (&timestamppb.Timestamp{}).ProtoReflect().Descriptor().FullName() {
			return []protoreflect.Value{protoreflect.ValueOfMessage(
				(&timestamppb.Timestamp{Seconds: 1_900_000_000, Nanos: 123_456_789}).ProtoReflect())}
		}
		inner := of.NewField(field)
		if field.IsList() {
			inner = inner.List().NewElement()
		}
		for _, one := range variants(t, inner.Message(), leavesOut) {
			all = append(all, protoreflect.ValueOfMessage(one))
		}
	case protoreflect.StringKind:
		all = append(all, protoreflect.ValueOfString("text of "+string(field.Name())))
	case protoreflect.BytesKind:
		all = append(all, protoreflect.ValueOfBytes([]byte{1, 2, 3}))
	case protoreflect.BoolKind:
		all = append(all, protoreflect.ValueOfBool(true))
	case protoreflect.Int32Kind:
		for _, number := range []int32{1, 3, 66, 127} {
			all = append(all, protoreflect.ValueOfInt32(number))
		}
	case protoreflect.Uint32Kind:
		all = append(all, protoreflect.ValueOfUint32(501))
	}
	return all
}

// A word of usher's without a value in the contract would be sent as UNSPECIFIED, and a Jamf policy would decide on
// that. A value of the contract without a word would be lost.
func TestEveryEnumHasItsWords(t *testing.T) {
	for _, one := range []struct {
		path, typeName string
		enum           protoreflect.Enum
	}{
		{"helper/registration", "State", usherv1.RegistrationState(0)},
		{"helper/registration", "FailureReason", usherv1.FailureReason(0)},
		{"helper/registration", "Kind", usherv1.RegistrationKind(0)},
		{"helper/delivery", "State", usherv1.DeliveryState(0)},
		{"helper/doctor", "Result", usherv1.CheckResult(0)},
		{"helper/clean", "Kind", usherv1.LeftoverKind(0)},
		{"useragent/leftovers", "Kind", usherv1.LeftoverKind(0)},
		{"internal/wpj", "State", usherv1.IdentityState(0)},
		{"internal/wpj", "MilestoneKind", usherv1.MilestoneKind(0)},
		{"internal/wpj", "Finding", usherv1.Finding(0)},
		{"internal/wpj", "Obstacle", usherv1.Obstacle(0)},
		{"internal/wpj", "Possession", usherv1.Possession(0)},
	} {
		own := constants(t, filepath.Join("../..", one.path), one.typeName)
		delete(own, "UNSPECIFIED")
		for i := range one.enum.Descriptor().Values().Len() {
			value := one.enum.Descriptor().Values().Get(i)
			_, word, _ := strings.Cut(string(value.Name()), prefixOf(one.enum))
			if value.Number() != 0 && !own[word] {
				t.Errorf("%s: no %s is the contract's %s", one.path, one.typeName, value.Name())
			}
			delete(own, word)
		}
		for word := range own {
			t.Errorf("%s: the contract does not know %s %q", one.path, one.typeName, word)
		}
	}
}

func prefixOf(enum protoreflect.Enum) string {
	return strings.TrimSuffix(string(enum.Descriptor().Values().ByNumber(0).Name()), "UNSPECIFIED")
}

// Sources have names of their own here.
func TestEverySourceThereAndBack(t *testing.T) {
	for _, source := range wpj.Sources() {
		if got := contract.SourceFromProto(contract.SourceToProto(source)); got != source {
			t.Errorf("%s comes back as %q", source, got)
		}
	}
}

// constants returns the values of a package's string constants of a type, as the contract writes them.
func constants(t *testing.T, directory, typeName string) map[string]bool {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(directory, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool)
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			spec, ok := node.(*ast.ValueSpec)
			if !ok {
				return true
			}
			named, ok := spec.Type.(*ast.Ident)
			if !ok || named.Name != typeName || len(spec.Values) != 1 {
				return true
			}
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
				value, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				found[strings.ToUpper(strings.ReplaceAll(value, " ", "_"))] = true
			}
			return true
		})
	}
	if len(found) == 0 {
		t.Errorf("%s has no constants of %s", directory, typeName)
	}
	return found
}

// The states of a user in Platform SSO have Apple's words, which are sent with the number.
func TestStatesOfAUserInPlatformSSO(t *testing.T) {
	for number := range usherv1.PlatformSSOUser_name {
		sent := &usherv1.Evidence{Facts: &usherv1.Evidence_PlatformSso{
			PlatformSso: &usherv1.PlatformSSOFacts{User: usherv1.PlatformSSOUser(number)}}}
		got := contract.EvidenceToProto(contract.EvidenceFromProto(sent)).GetPlatformSso()
		if got.GetUser() != usherv1.PlatformSSOUser(number) || (got.GetUserState() == "") != (number == 0) {
			t.Errorf("%s comes back as %v", usherv1.PlatformSSOUser(number), got)
		}
	}
}

// An older usherd sends the whole sentence as the detail, and does not say which part is the fix. An older usherctl
// gets the same sentence as before.
func TestDetailAndFixOfOtherVersions(t *testing.T) {
	const detail, fix, sentence = "It is gone.", "register again", "It is gone; register again."
	for _, one := range []struct {
		sent *usherv1.Identity
		want wpj.Identity
	}{
		{&usherv1.Identity{Detail: sentence}, wpj.Identity{Detail: sentence}},
		{&usherv1.Identity{Detail: sentence, Fix: fix}, wpj.Identity{Detail: detail, Fix: fix}},
		{&usherv1.Identity{Detail: detail}, wpj.Identity{Detail: detail}},
	} {
		got := contract.IdentityFromProto(one.sent)
		if got.Detail != one.want.Detail || got.Fix != one.want.Fix || got.Sentence() != one.sent.GetDetail() {
			t.Errorf("%v becomes %+v", one.sent, got)
		}
	}
	sent := contract.IdentityToProto(&wpj.Identity{Detail: detail, Fix: fix,
		Contradictions: []wpj.Contradiction{{Detail: detail, Fix: fix}}})
	if sent.GetDetail() != sentence || sent.GetContradictions()[0].GetDetail() != sentence ||
		sent.GetContradictions()[0].GetFix() != fix {
		t.Error(sent)
	}
}

// A code or signal that no process can end with is unknown, in either form. Every kind of end has its words.
func TestExits(t *testing.T) {
	for sent, want := range map[*usherv1.PortalExit]string{
		{}: "unknown",
		{How: &usherv1.PortalExit_Unknown{Unknown: true}}: "unknown",
		{How: &usherv1.PortalExit_Code{Code: -1}}:         "unknown",
		{How: &usherv1.PortalExit_Code{Code: 256}}:        "unknown",
		{How: &usherv1.PortalExit_Signal{Signal: 0}}:      "unknown",
		{How: &usherv1.PortalExit_Signal{Signal: 128}}:    "unknown",
		{How: &usherv1.PortalExit_Signal{Signal: 9}}:      "SIGKILL",
		{How: &usherv1.PortalExit_Code{Code: 66}}:         "registrationDeviceCapError",
		// The words of an older agent are not used.
		{How: &usherv1.PortalExit_Signal{Signal: 15}, Name: "terminated", AdminAdvice: "Old."}: "SIGTERM",
	} {
		got := contract.Explained(contract.ExitToProto(contract.ExitFromProto(sent)))
		if got.GetName() != want || len(got.GetAdminAdvice()) < 20 || len(got.GetUserAdvice()) < 20 {
			t.Errorf("%v: %v, want %s", sent, got, want)
		}
	}
	if contract.ExitToProto(contract.ExitFromProto(nil)) != nil || contract.Explained(nil) != nil {
		t.Error("nil does not remain nil")
	}
}
