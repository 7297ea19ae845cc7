package attribute_test

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"usher.internal/internal/attribute"
	"usher.internal/internal/attribute/attributetest"
	"usher.internal/internal/documented"
	usherv1 "usher.internal/proto/usher/v1"
)

var update = flag.Bool("update", false, "write the extension attributes into docs/extension-attributes.md")

func TestAttributesAreDocumented(t *testing.T) {
	var table strings.Builder
	table.WriteString("| `usherctl ea` | in Jamf Pro | data type | meaning |\n| --- | --- | --- | --- |\n")
	for _, one := range attribute.Table() {
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", one.Key, one.Name,
			map[attribute.DataType]string{attribute.String: "String", attribute.DateTime: "Date"}[one.DataType],
			one.Description)
	}
	documented.Part(t, "../../docs/extension-attributes.md", "table", "go test ./internal/attribute -update",
		table.String(), *update)
}

// Admins build smart groups on these names, and scripts in Jamf Pro call them by these keys.
func TestNamesDoNotChange(t *testing.T) {
	names := map[string]string{}
	for _, one := range attribute.Table() {
		names[one.Key] = one.Name
	}
	want := map[string]string{
		"state": "Usher Registration State", "result": "Usher Registration Result",
		"device-id": "Usher Entra Device ID",
		"upn":       "Usher User Principal Name", "tenant-id": "Usher Entra Tenant ID",
		"last-registration": "Usher Last Registration",
		"as-of":             "Usher State As Of", "device-id-change": "Usher Device ID Change", "user": "Usher User",
		"other-users": "Usher Other Users",
		"detail":      "Usher Registration Detail", "source": "Usher Registration Source",
		"contradictions": "Usher Contradictions",
	}
	if !maps.Equal(names, want) {
		t.Errorf("table: %v", names)
	}
}

// In every state of a Mac a value fits into a <result>, and a date is one.
func TestValuesFitIntoAResult(t *testing.T) {
	for name, users := range attributetest.States() {
		for _, one := range attribute.Table() {
			value := one.Value(attribute.Of(users))
			if strings.ContainsAny(value, "<>") ||
				strings.ContainsFunc(value, func(letter rune) bool { return !unicode.IsPrint(letter) }) {
				t.Errorf("%s: %s is %q", name, one.Key, value)
			}
			if _, err := time.Parse(time.DateTime, value); one.DataType == attribute.DateTime && value != "" &&
				err != nil {
				t.Errorf("%s: %s is %q: %v", name, one.Key, value, err)
			}
		}
	}
}

func TestValues(t *testing.T) {
	states := attributetest.States()
	value := func(state, key string) string {
		users, there := states[state]
		one, exists := attribute.Find(key)
		if !there || !exists {
			t.Fatalf("no %s or no %s", state, key)
		}
		return one.Value(attribute.Of(users))
	}
	for _, one := range []struct{ state, key, want string }{
		{"REGISTERED", "state", "REGISTERED"},
		{"REGISTERED", "detail", "what it rests on"},
		{"REGISTERED", "upn", "jane&co@example.com"},
		{"REGISTERED", "source", "login keychain"},
		{"REGISTERED", "contradictions", "one, other"},
		{"REGISTERED", "as-of", "2026-11-23 11:30:00"},
		{"REGISTERED", "device-id-change", "2026-11-23 10:30:00: old became new /result"},
		{"NOT_REGISTERED", "other-users", ""},
		// A locked keychain changes only the state in Jamf Pro.
		{"UNREADABLE after REGISTERED", "state", "UNREADABLE"},
		{"UNREADABLE after REGISTERED", "device-id", "c9f7fcba-c5d8-4994-8d4c-2c2785b993c1"},
		{"UNREADABLE after REGISTERED", "tenant-id", "tenant"},
		{"nobody", "state", ""},
		{"nobody", "user", ""},
		{"logged in", "state", ""},
		{"logged in", "user", "jane"},
		{"logged in", "result", ""},
		{"logged in", "last-registration", ""},
		{"registration WAITING_FOR_SIGN_IN", "result", "WAITING_FOR_SIGN_IN"},
		{"registration CANCELLED", "result", "CANCELLED"},
		{"registration SUCCEEDED", "result", "SUCCEEDED"},
		// The time of the result is not the time of Jamf Pro's acceptance.
		{"registration SUCCEEDED", "last-registration", "2026-11-23 08:30:00"},
		{"registration CANCELLED", "last-registration", "2026-11-23 09:30:00"},
		{"failed with SESSION_TIMEOUT", "result", "FAILED: SESSION_TIMEOUT"},
		{"failed with PORTAL_FAILED", "result", "FAILED: PORTAL_FAILED"},
		{"portal failed", "result", "FAILED: registrationDeviceCapError (66)"},
		{"failed with DELIVERY_REFUSED", "result", "SUCCEEDED (delivered later)"},
		{"failed with DELIVERY_REFUSED", "last-registration", "2026-11-23 08:30:00"},
		{"several users", "user", "john"},
		{"several users", "state", "COMPLIANT"},
		{"several users", "other-users", "gone: no account, jane: NOT_REGISTERED, unseen: not known"},
	} {
		if got := value(one.state, one.key); got != one.want {
			t.Errorf("%s: %s is %q, want %q", one.state, one.key, got, one.want)
		}
	}
}

// A new reading does not hide how the last registration ended.
func TestResultIsThatOfTheReportedRegistration(t *testing.T) {
	users := attributetest.States()["registration SUCCEEDED"]
	users[0].ReportedRegistration = attributetest.States()["portal failed"][0].GetLastRegistration()
	result, _ := attribute.Find("result")
	if got := result.Value(attribute.Of(users)); got != "FAILED: registrationDeviceCapError (66)" {
		t.Errorf("result: %q", got)
	}
}

func TestManyOthersAreCounted(t *testing.T) {
	users := []*usherv1.UserStatus{{User: &usherv1.User{Name: "jane"}, Primary: true}}
	for i := range 1000 {
		users = append(users, &usherv1.UserStatus{User: &usherv1.User{Name: fmt.Sprintf("user-%03d", i)},
			LookTime: attributetest.At(9)})
	}
	others, _ := attribute.Find("other-users")
	value := others.Value(attribute.Of(users))
	if !strings.HasPrefix(value, "user-000: not known, user-001") || !strings.HasSuffix(value, ", 980 more") {
		t.Errorf("other users: %q", value)
	}
}

func TestAbout(t *testing.T) {
	users := attributetest.States()["several users"]
	report, known := attribute.About(users, "jane")
	if !known || report.User != users[0] || len(report.Others) != 4 || slices.Contains(report.Others, users[0]) {
		t.Errorf("%v, %t", report, known)
	}
	if _, known := attribute.About(users, "nobody"); known {
		t.Error("nobody is known")
	}
}
