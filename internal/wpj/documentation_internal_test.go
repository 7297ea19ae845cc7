package wpj

import (
	"cmp"
	"flag"
	"fmt"
	"strings"
	"testing"

	"usher.internal/internal/documented"
)

var update = flag.Bool("update", false, "write docs/states.md")

// TestDocumentation compares docs/states.md with the tables. `go test ./internal/wpj -run TestDocumentation -update`
// writes it.
func TestDocumentation(t *testing.T) {
	var tables strings.Builder
	tables.WriteString("## The states\n")
	for _, info := range States() {
		command := ""
		if info.Command != "" {
			command = "- Command: `" + info.Command + "`\n"
		}
		fmt.Fprintf(&tables, "\n### `%s`\n\n%s\n\n- What to do: %s\n%s- Registered: %s\n", info.State, info.Meaning,
			cmp.Or(info.Fix, "Nothing."), command, map[bool]string{true: "yes", false: "no"}[info.Registered])
	}
	tables.WriteString("\n## The rules\n\nThe first that applies decides.\n\n| rule | state | the state follows |\n| " +
		"--- | --- | --- |\n")
	for _, rule := range stateRules {
		fmt.Fprintf(&tables, "| %s | `%s` | %s |\n", rule.name, rule.state, rule.source)
	}
	tables.WriteString("\n## Contradictions\n\n| name | the state follows | against | |\n| --- | --- | --- | --- |\n")
	for _, c := range contradictions {
		fmt.Fprintf(&tables, "| `%s` | %s | %s | %s |\n", c.Name, c.Followed, c.Against, c.Sentence())
	}
	tables.WriteString("| `device-ids-differ` | the source that comes first: Platform SSO, Secure Enclave, login " +
		"keychain | the other | Two places name different Entra devices. |\n")
	tables.WriteString("| `names-differ` | the source of the identity | directory | The user's record in the " +
		"directory names another user. |\n")
	fmt.Fprintf(&tables, "| `%s` | Platform SSO | itself | The name and the number of the user's state do not belong "+
		"together; the name decides. |\n", remarkNameAndNumber)
	fmt.Fprintf(&tables, "| `%s` | Platform SSO | itself | The single sign-on tokens have expired. |\n", remarkTokens)
	for _, one := range []struct{ name, says string }{
		{anotherIdentity, "The login keychain holds another identity that can be used, of the tenant that the " +
			"sentence names; `usherctl status` names its device."},
		{usersDiffer, "The items in the login keychain name several users. It is unclear which of them " +
			"registered, so none is reported."},
		{cloudDiffers, "The items in the login keychain name another of Microsoft's clouds than `tenant.cloud_host`."},
	} {
		fmt.Fprintf(&tables, "| `%s` | %s | itself | %s |\n", one.name, SourceLoginKeychain, one.says)
	}
	tables.WriteString("\n## What each source can say\n\n| source | |\n| --- | --- |\n")
	for _, source := range Sources() {
		var said []string
		for _, one := range verdictsOf[source] {
			if one != notAsked {
				said = append(said, "`"+string(one)+"`")
			}
		}
		fmt.Fprintf(&tables, "| %s | %s |\n", source, strings.Join(said, ", "))
	}
	documented.Part(t, "../../docs/states.md", "tables", "go test ./internal/wpj -update", tables.String(), *update)
}
