package page_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"usher.internal/internal/timeline"
	"usher.internal/internal/timeline/page"
)

func write(t *testing.T, report *timeline.Report) string {
	t.Helper()
	var out strings.Builder
	if err := page.Write(&out, report); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestPolicyAllowsNothingButThePageItself(t *testing.T) {
	html := write(t, sample(100))
	policy := regexp.MustCompile(`Content-Security-Policy" content="([^"]+)"`).FindStringSubmatch(html)
	if policy == nil || !strings.Contains(policy[1], "default-src &#39;none&#39;") {
		t.Fatalf("policy: %q", policy)
	}
	inline := regexp.MustCompile(`(?s)<(style|script)>(.*?)</`).FindAllStringSubmatch(html, -1)
	if len(inline) != 2 {
		t.Fatalf("%d inline elements", len(inline))
	}
	for _, element := range inline {
		sum := sha256.Sum256([]byte(element[2]))
		digest := strings.ReplaceAll(base64.StdEncoding.EncodeToString(sum[:]), "+", "&#43;")
		if !strings.Contains(policy[1], element[1]+"-src &#39;sha256-"+digest) {
			t.Errorf("the policy does not have the digest of the %s", element[1])
		}
	}
	for _, outside := range []string{`src="`, `href="http`, "@import", "url(", "style=\"", "onclick="} {
		if strings.Contains(html, outside) {
			t.Errorf("the page has %s", outside)
		}
	}
}

func TestWhatALogHoldsIsNotInterpreted(t *testing.T) {
	html := write(t, sample(100))
	if strings.Contains(html, hostile[:30]) || strings.Contains(html, "<img") {
		t.Error("a log's markup is in the page")
	}
	if strings.ContainsAny(html, "\u202e\u2028\x1b") {
		t.Error("a character that turns the text, or a control character, is in the page")
	}
	data := regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`).FindStringSubmatch(html)
	if data == nil {
		t.Fatal("no data")
	}
	var decoded struct{ Lines [][]any }
	if err := json.Unmarshal([]byte(data[1]), &decoded); err != nil || len(decoded.Lines) != 100 {
		t.Fatalf("%d lines, %v", len(decoded.Lines), err)
	}
	if text := decoded.Lines[4][9].(string); !strings.Contains(text, "</script><script>") {
		t.Errorf("the line is not complete: %q", text)
	}
}

// The important content can be read without the script.
func TestReadableWithoutScript(t *testing.T) {
	html := regexp.MustCompile(`(?s)<script.*?</script>`).ReplaceAllString(write(t, sample(10)), "")
	for _, text := range []string{
		"It failed after 1 min 25 s", "Remove old devices of the user in Entra.", "Signing in", "1 min 9 s",
		"Entra refused to register the device",
		"Check in Entra that the user may join devices.", "Registered in 1 min 40 s", "1 min 30 s ahead",
		"com.microsoft.CompanyPortalMac.log", "a log archive of macOS cannot be read here", "Redacted",
	} {
		if !strings.Contains(html, text) {
			t.Errorf("%q is missing", text)
		}
	}
}

func TestNoAttempt(t *testing.T) {
	if html := write(t, &timeline.Report{}); !strings.Contains(html, "No registration attempt is in these logs.") {
		t.Error("it does not say so")
	}
}

func BenchmarkWrite(b *testing.B) {
	report := sample(100_000)
	for b.Loop() {
		var out strings.Builder
		if err := page.Write(&out, report); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(out.Len()))
	}
}
