package packaging_test

import (
	"os"
	"testing"

	"usher.internal/internal/layout"
	"usher.internal/internal/propertylist"
)

// The example's profile lets only usher's own programs read other programs' data, by their path and signature.
func TestPrivacyProfileAllowsOnlyUshersPrograms(t *testing.T) {
	content, err := os.ReadFile("../docs/examples/org.usher.pppc.mobileconfig")
	if err != nil {
		t.Fatal(err)
	}
	profile, err := propertylist.Parse(content)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{layout.MacOS.Agent(): "org.usher.usher-agent",
		layout.MacOS.Control(): "org.usher.usherctl"}
	payloads, _ := profile["PayloadContent"].([]any)
	if profile["PayloadScope"] != "System" || len(payloads) != 1 {
		t.Fatalf("the profile is %v", profile)
	}
	payload, _ := payloads[0].(map[string]any)
	services, _ := payload["Services"].(map[string]any)
	if payload["PayloadType"] != "com.apple.TCC.configuration-profile-policy" || len(services) != 1 {
		t.Fatalf("the payload is %v", payload)
	}
	rules, _ := services["SystemPolicyAppData"].([]any)
	if len(rules) != len(want) {
		t.Errorf("the rules are %v", rules)
	}
	for _, one := range rules {
		rule, _ := one.(map[string]any)
		path, _ := rule["Identifier"].(string)
		requirement := `identifier "` + want[path] +
			`" and anchor apple generic and certificate leaf[subject.OU] = "TEAMID"`
		if want[path] == "" || rule["IdentifierType"] != "path" || rule["Authorization"] != "Allow" ||
			rule["StaticCode"] != false || rule["CodeRequirement"] != requirement {
			t.Errorf("a rule is %v", rule)
		}
	}
}
