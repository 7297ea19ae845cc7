package shell

import (
	"os/exec"
	"testing"
)

// A quoted text is one unchanged word, for each shell on this computer.
func TestQuote(t *testing.T) {
	shells := 0
	for _, name := range []string{"sh", "dash", "bash", "zsh", "ksh", "fish", "tcsh"} {
		shell, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		shells++
		for _, text := range []string{"", "jane", "it's", "'", "''", `\`, `a\'b`, `trailing\`, "$HOME `id` $(id)",
			`"a" * ? [b] {c} ~ # & | ; < > !`, "größe", "-n", "%s"} {
			printed, err := exec.Command(shell, "-c", "printf '%s|' "+Quote(text)+" end").Output()
			if err != nil || string(printed) != text+"|end|" {
				t.Errorf("%s makes %q of %q, %v", name, printed, text, err)
			}
		}
	}
	if shells == 0 {
		t.Error("there is no shell")
	}
}
