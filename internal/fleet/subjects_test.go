package fleet_test

import (
	"strings"
	"testing"

	"usher.internal/internal/fleet"
)

const mac = "0A1B2C3D-0000-4000-8000-00000000BEEF"

func TestMacNames(t *testing.T) {
	for _, name := range []string{mac, "MAC-7", "mac_7", "a", "ALL", "-", strings.Repeat("a", 64)} {
		if !fleet.IsMac(name) {
			t.Errorf("%q is not a name", name)
		}
	}
	for _, name := range []string{"", "all", "*", ">", "a.b", "a b", "a\n", "\na", "größe", "a/b", "{{name()}}", "$JS",
		"a\x00", strings.Repeat("a", 65)} {
		if fleet.IsMac(name) {
			t.Errorf("%q is a name", name)
		}
	}
}

func TestAnswerOf(t *testing.T) {
	const query = "Y0ZzL8ZkTqBr0P5KZ4AjUd"
	if got, ok := fleet.AnswerOf(query, mac); !ok || got != "usher.v1.answer."+query+"."+mac {
		t.Errorf("%q, %v", got, ok)
	}
	for _, query := range []string{
		"", ".", "*", ">", "a.b", "a." + mac, "a.", ".a", "a b", "a\r\nPUB x 0", "a\n", strings.Repeat("a", 65),
		"usher.v1.status.all",
		"$JS.API.STREAM.DELETE.USHER_CHANGES", "_INBOX.a", "$SYS",
	} {
		if got, ok := fleet.AnswerOf(query, mac); ok || got != "" {
			t.Errorf("answer to %q on %q", query, got)
		}
	}
}

// Whatever the id of a question, a Mac answers only on a subject that the server lets it publish on, or not at all.
func FuzzAnswerOf(f *testing.F) {
	for _, query := range []string{"", "a", "*", "a.b", "change." + mac} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		got, ok := fleet.AnswerOf(query, mac)
		if !ok {
			if got != "" {
				t.Errorf("no answer to %q, but a subject %q", query, got)
			}
			return
		}
		tokens := strings.Split(got, ".")
		if len(tokens) != 5 || strings.Join(tokens[:3], ".") != "usher.v1.answer" || tokens[3] != query ||
			query == "" || strings.ContainsAny(got, "*> \t\r\n") ||
			fleet.MacOf(got) != mac {
			t.Errorf("answer to %q on %q", query, got)
		}
	})
}

func TestMacOf(t *testing.T) {
	for subject, want := range map[string]string{
		fleet.ChangesOf(mac): mac, fleet.KeptOf(mac): mac, "a": "a", "": "", "a.": "", ".": "",
	} {
		if got := fleet.MacOf(subject); got != want {
			t.Errorf("%q: Mac %q, want %q", subject, got, want)
		}
	}
}

// The subject of all Macs is never the subject of one Mac.
func TestNoMacIsCalledLikeAll(t *testing.T) {
	if fleet.StatusOf("all") != fleet.StatusOfAll || fleet.IsMac("all") {
		t.Error("the token for all Macs is accepted as a Mac's name")
	}
}
