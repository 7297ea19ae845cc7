package wpj

import (
	"slices"
	"testing"
)

// walk calls f with every combination of verdicts. It leaves out the directory, because no rule uses it.
func walk(f func(verdicts)) {
	sources := slices.DeleteFunc(Sources(), func(source Source) bool { return source == SourceDirectory })
	v := verdicts{}
	var choose func(int)
	choose = func(i int) {
		if i == len(sources) {
			// A source can name the login keychain's device only if that has one.
			if !v.is(SourceSecureEnclave, sameDevice) || v.is(SourceLoginKeychain, usable) {
				f(v)
			}
			return
		}
		for _, one := range verdictsOf[sources[i]] {
			v[sources[i]] = one
			choose(i + 1)
		}
	}
	choose(0)
}

// identitySources are the sources that can hold an identity.
var identitySources = []Source{SourceLoginKeychain, SourcePlatformSSO, SourceSecureEnclave}

// notRegisteredStates say for certain that the user has no identity.
var notRegisteredStates = []State{StateNotRegistered, StateNotApplicable, StatePortalMissing}

// TestWalk checks statements that must be true of every combination of verdicts.
func TestWalk(t *testing.T) {
	met := map[string]int{}
	combinations := 0
	walk(func(v verdicts) {
		combinations++
		rule := decide(v)
		met[rule.name]++
		state := rule.state
		problem := ""
		switch {
		case state.Registered() != v.registered():
			problem = "registered just when a source holds an identity that can be used"
		case slices.Contains(notRegisteredStates, state) && slices.ContainsFunc(identitySources,
			func(source Source) bool { return v.is(source, couldNotLook, noSession) }):
			problem = "a source that could not be looked at passes for empty"
		case slices.Contains(notRegisteredStates, state) && !allEmpty(v):
			problem = "the content of a source was ignored"
		case (state == StateCompliant) != (v.registered() && v.is(SourceJamfPro, linkedCompliant)):
			problem = "compliant just when Jamf Pro says so of a registered Mac that it knows"
		case state == StateNoSession && !v.is(SourceLoginKeychain, noSession):
			problem = "a missing session was ignored"
		case state != StateNeedsRegistration && v.is(SourcePlatformSSO, needsRegistration):
			problem = "Platform SSO wants the user, whatever others say"
		}
		if problem != "" {
			t.Fatalf("%s: %v comes to %s by %q", problem, v, state, rule.name)
		}
	})
	for _, rule := range stateRules {
		if met[rule.name] == 0 {
			t.Errorf("no combination comes to the rule %q", rule.name)
		}
	}
	t.Logf("%d combinations", combinations)
}

// allEmpty reports whether no source holds anything, or only the remains of an identity.
func allEmpty(v verdicts) bool {
	return v.is(SourceLoginKeychain, notAsked, nothing, leftovers) &&
		v.is(SourcePlatformSSO, notAsked, nothing, otherProvider) && v.is(SourceSecureEnclave, notAsked, nothing)
}

// A source that could not be asked may make the answer less certain. It never changes "not known" to "not registered".
// It also never changes one registration to another state that is certain of the opposite.
func TestNotLookingNeverLeadsToNotRegistered(t *testing.T) {
	walk(func(v verdicts) {
		if v[SourceJamfSettings] != notAsked || v[SourcePortal] != notAsked || v[SourceJamfPro] != notAsked {
			return // they do not hold identities
		}
		for _, source := range identitySources {
			kept := v[source]
			v[source] = couldNotLook
			state := decide(v).state
			v[source] = kept
			if slices.Contains(notRegisteredStates, state) {
				t.Fatalf("%v, with %s not looked at, comes to %s", v, source, state)
			}
		}
	})
}

// Both sides of each contradiction are sources of this table that said something. The state follows the source that the
// contradiction names.
func TestContradictions(t *testing.T) {
	met := map[string]int{}
	walk(func(v verdicts) {
		if v[SourcePortal] != notAsked {
			return // Company Portal contradicts nobody
		}
		for _, c := range contradictions {
			if !c.applies(v) {
				continue
			}
			met[c.Name]++
			for _, side := range []Source{c.Followed, c.Against} {
				if v.is(side, notAsked, noSession, couldNotLook) && side != SourceLoginKeychain {
					t.Fatalf("%s: %s said nothing in %v", c.Name, side, v)
				}
			}
			rule := decide(v)
			if rule.source == c.Against &&
				!slices.Contains([]string{"acquired-beside-not-registered", "linked-beside-not-registered"}, c.Name) {
				t.Fatalf("%s says that the state follows %s, and %q follows %s in %v", c.Name, c.Followed, rule.name,
					rule.source, v)
			}
		}
	})
	for _, c := range contradictions {
		if met[c.Name] == 0 {
			t.Errorf("no combination comes to %s", c.Name)
		}
		if c.Detail == "" || c.Detail[len(c.Detail)-1] != '.' {
			t.Errorf("%s: %q is not a sentence", c.Name, c.Detail)
		}
	}
}

// Every state has a rule. Every rule has a state of the table and its own name.
func TestTables(t *testing.T) {
	names := map[string]bool{}
	of := map[State]bool{}
	for _, rule := range stateRules {
		if names[rule.name] {
			t.Errorf("two rules have the name %q", rule.name)
		}
		names[rule.name], of[rule.state] = true, true
		if _, known := rule.state.Info(); !known {
			t.Errorf("%s is not in the table of states", rule.state)
		}
		if verdictsOf[rule.source] == nil {
			t.Errorf("%q follows %q, which is not a source", rule.name, rule.source)
		}
	}
	for _, info := range States() {
		if !of[info.State] {
			t.Errorf("no rule comes to %s", info.State)
		}
		if info.Meaning == "" || info.Registered && info.State == StateNotRegistered {
			t.Errorf("%s has no explanation", info.State)
		}
	}
	for _, source := range Sources() {
		if verdictsOf[source] == nil || verdictsOf[source][0] != notAsked {
			t.Errorf("%s has no verdicts, or cannot be left out", source)
		}
	}
	for _, rule := range keychainRules {
		if !slices.Contains(verdictsOf[SourceLoginKeychain], rule.verdict) {
			t.Errorf("the login keychain cannot say %q", rule.verdict)
		}
	}
}
