package fleet_test

import (
	"strings"
	"testing"

	"usher.internal/internal/fleet"
)

const device = "0A1B2C3D-0000-4000-8000-00000000BEEF"

func TestDeviceNames(t *testing.T) {
	for _, name := range []string{device, "MAC-7", "mac_7", "a", "ALL", "-", strings.Repeat("a", 64)} {
		if !fleet.IsDevice(name) {
			t.Errorf("%q is no name", name)
		}
	}
	for _, name := range []string{"", "all", "*", ">", "a.b", "a b", "a\n", "\na", "größe", "a/b", "{{name()}}", "$JS", "a\x00", strings.Repeat("a", 65)} {
		if fleet.IsDevice(name) {
			t.Errorf("%q is a name", name)
		}
	}
}

func TestAnswerOf(t *testing.T) {
	const query = "Y0ZzL8ZkTqBr0P5KZ4AjUd"
	if got, ok := fleet.AnswerOf(fleet.AnswersTo(query), device); !ok || got != "usher.v1.answer."+query+"."+device {
		t.Errorf("%q, %v", got, ok)
	}
	for _, reply := range []string{
		"", "usher.v1.answer", "usher.v1.answer.", "usher.v1.answer..", "usher.v1.answer.*", "usher.v1.answer.>", "usher.v1.answer.a.b",
		"usher.v1.answer.a." + device, "usher.v1.answer.a.", "usher.v1.answer.a b", "usher.v1.answer.a\r\nPUB x 0", "usher.v1.answer.a\n",
		"usher.v1.answer." + strings.Repeat("a", 65), "USHER.v1.answer.a", " usher.v1.answer.a", "usher.v1.status.all", "usher.v1.change.a",
		"$JS.API.STREAM.DELETE.USHER_CHANGES", "_INBOX.a", "_INBOX_admin.a", "$SYS.REQ.SERVER.PING", "a.usher.v1.answer.a",
	} {
		if got, ok := fleet.AnswerOf(reply, device); ok || got != "" {
			t.Errorf("%q is answered on %q", reply, got)
		}
	}
}

// Whatever a question names for its answers, a device answers on a subject that the server lets it publish on, or not at all.
func FuzzAnswerOf(f *testing.F) {
	for _, reply := range []string{"", "usher.v1.answer.a", "usher.v1.answer.*", "usher.v1.answer.a.b", "usher.v1.change." + device} {
		f.Add(reply)
	}
	f.Fuzz(func(t *testing.T, reply string) {
		got, ok := fleet.AnswerOf(reply, device)
		if !ok {
			if got != "" {
				t.Errorf("%q is not answered, on %q", reply, got)
			}
			return
		}
		tokens := strings.Split(got, ".")
		if len(tokens) != 5 || strings.Join(tokens[:3], ".") != "usher.v1.answer" || tokens[3] == "" || strings.ContainsAny(got, "*> \t\r\n") ||
			fleet.DeviceOf(got) != device || got != reply+"."+device {
			t.Errorf("%q is answered on %q", reply, got)
		}
	})
}

func TestDeviceOf(t *testing.T) {
	for subject, want := range map[string]string{
		fleet.ChangesOf(device): device, fleet.AnswersTo("a") + "." + device: device, "a": "a", "": "", "a.": "", ".": "",
	} {
		if got := fleet.DeviceOf(subject); got != want {
			t.Errorf("%q is from %q, want %q", subject, got, want)
		}
	}
}

// No device is asked by the subject of all.
func TestNoDeviceIsCalledLikeAll(t *testing.T) {
	if fleet.StatusOf("all") != fleet.StatusOfAll || fleet.IsDevice("all") {
		t.Error("a device may be called like all of them")
	}
}
