package wpj_test

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
)

func TestParsePlatformSSOUser(t *testing.T) {
	for text, want := range map[string]struct {
		state wpj.PlatformSSOUser
		agree bool
	}{
		"POUserStateNormal (0)":            {wpj.PlatformSSOUserNormal, true},
		"POUserStateNormal(0)":             {wpj.PlatformSSOUserNormal, true},
		" POUserStateNormal ":              {wpj.PlatformSSOUserNormal, true},
		"0":                                {wpj.PlatformSSOUserNormal, true},
		"(0)":                              {wpj.PlatformSSOUserNormal, true},
		"(null) (0)":                       {wpj.PlatformSSOUserNormal, true},
		"POUserStateNeedsNewKeys (1)":      {wpj.PlatformSSOUserNeedsNewKeys, true},
		"POUserStateNeedsRegistration (2)": {wpj.PlatformSSOUserNeedsRegistration, true},
		"(null) (3)":                       {wpj.PlatformSSOUserUnknown, true},
		"POUserStateNewPasswordUser (4)":   {wpj.PlatformSSOUserNewPasswordUser, true},
		"POUserStateUserKeyInvalid (5)":    {wpj.PlatformSSOUserKeyInvalid, true},
		"POUserStateNewSmartCardUser (6)":  {wpj.PlatformSSOUserNewSmartCardUser, true},
		"(null) (7)":                       {wpj.PlatformSSOUserNewSecureEnclaveUser, true},
		"POUserStateNeedsBinding (8)":      {wpj.PlatformSSOUserNeedsBinding, true},
		"POUserStateNeedsBinding (99)":     {wpj.PlatformSSOUserNeedsBinding, true},
		// The name decides. A number of another state is reported.
		"POUserStateNormal (2)":            {wpj.PlatformSSOUserNormal, false},
		"POUserStateNormal (12)":           {wpj.PlatformSSOUserNormal, false},
		"POUserStateNeedsRegistration (0)": {wpj.PlatformSSOUserNeedsRegistration, false},
		// An unknown name is not a state, whatever the number after it.
		"POUserStateMarvellous (0)": {wpj.PlatformSSOUserUnknown, true},
		"POUserStateMarvellous":     {wpj.PlatformSSOUserUnknown, true},
		"pouserstatenormal (0)":     {wpj.PlatformSSOUserUnknown, true},
		"Normal":                    {wpj.PlatformSSOUserUnknown, true},
		"POUserStateNormal (0) (0)": {wpj.PlatformSSOUserUnknown, true},
		"POUserStateNormal (zero)":  {wpj.PlatformSSOUserUnknown, true},
		"(null)":                    {wpj.PlatformSSOUserUnknown, true},
		"(null) (-1)":               {wpj.PlatformSSOUserUnknown, true},
		"8":                         {wpj.PlatformSSOUserUnknown, true},
		"0.0":                       {wpj.PlatformSSOUserUnknown, true},
		"true":                      {wpj.PlatformSSOUserUnknown, true},
		"":                          {wpj.PlatformSSOUserUnknown, true},
	} {
		if state, agree := wpj.ParsePlatformSSOUser(text); state != want.state || agree != want.agree {
			t.Errorf("%q: %q, %v", text, state, agree)
		}
	}
}

// FuzzUnknownUserState checks that only Apple's own word for a normal state gives a registered user, whatever other
// sources say. It also checks that one input always gives one result.
func FuzzUnknownUserState(f *testing.F) {
	for _, word := range []string{"POUserStateNormal (0)", "POUserStateNormal (5)", "POUserStateNormal (0) (0)",
		"(null) (0)", "(null) (7)", "0", "x (0)", "NeedsBinding", ""} {
		f.Add(word, true)
	}
	held := registered(f, entra.Device{}, nil).Certificates[0]
	f.Fuzz(func(t *testing.T, word string, othersAgree bool) {
		for _, device := range []wpj.Section{wpj.SectionRead, wpj.SectionUnreadable, wpj.SectionNull} {
			says := microsofts(word)
			says.Device, says.RegistrationCompleted = device, device == wpj.SectionRead
			if state := wpj.Evaluate([]wpj.Evidence{platformSSO(says, held), enclave(2, deviceID)},
				wpj.Conditions{Now: time.Now()}).State; state.Registered() && !isNormal(word) && word != "" {
				t.Errorf("%q beside a device section that is %s makes a registered user: %s", word, device, state)
			}
		}
		evidence := []wpj.Evidence{platformSSO(microsofts(word), held)}
		if othersAgree {
			evidence = append(evidence, enclave(2, deviceID))
		}
		given := wpj.Conditions{Now: time.Now()}
		first := wpj.Evaluate(evidence, given)
		if first.State.Registered() && !isNormal(word) {
			t.Errorf("%q makes a registered user: %s", word, first.State)
		}
		for range 100 {
			slices.Reverse(evidence)
			if again := wpj.Evaluate(evidence, given); !reflect.DeepEqual(again, first) {
				t.Fatalf("%q: %+v, and then %+v", word, first, again)
			}
		}
	})
}

// isNormal is a second version of the rule: the name, with or without a number, or the number 0 without a name.
func isNormal(word string) bool {
	fields := strings.Fields(strings.NewReplacer("(", " (", ")", ") ").Replace(word))
	if len(fields) == 2 && fields[0] == "(null)" {
		fields = fields[1:]
	}
	isNumber := func(field string) bool {
		_, err := strconv.ParseUint(strings.Trim(field, "()"), 10, 31)
		return err == nil
	}
	switch len(fields) {
	case 1:
		zero, err := strconv.ParseUint(strings.Trim(fields[0], "()"), 10, 31)
		return fields[0] == "POUserStateNormal" || err == nil && zero == 0
	case 2:
		return fields[0] == "POUserStateNormal" && isNumber(fields[1])
	}
	return false
}
