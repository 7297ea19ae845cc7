package documented_test

import (
	"os"
	"path/filepath"
	"testing"

	"usher.internal/internal/documented"
)

// recorder is a test that may fail.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestPart(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	const old = "before\n<!-- x: begin, written by go test -->\nold\n<!-- x: end -->\nafter\n"
	if err := os.WriteFile(page, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	hold := func(content string, update bool) (failed bool) {
		r := &recorder{TB: t}
		documented.Part(r, page, "x", "go test", content, update)
		return r.failed
	}
	if hold("old\n", false) || !hold("new\n", false) {
		t.Error("a current part fails, or an old one does not")
	}
	if hold("new\n", true) || hold("new\n", false) {
		t.Error("the written part is not current")
	}
	content, err := os.ReadFile(page)
	if err != nil || string(content) != "before\n<!-- x: begin, written by go test -->\nnew\n<!-- x: end -->\nafter\n" {
		t.Errorf("page: %q: %v", content, err)
	}
}
