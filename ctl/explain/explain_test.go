package explain

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"usher.internal/ctl/answer"
	"usher.internal/internal/contract"
	"usher.internal/internal/errorcode"
	"usher.internal/internal/event"
	usherv1 "usher.internal/proto/usher/v1"
)

func TestEverythingIsExplainedByItsName(t *testing.T) {
	for _, one := range slices.Concat(exitCodeExplanations(), namedExplanations()) {
		if one.Admin == "" || one.Kind == "" || one.Program == "" {
			t.Errorf("%+v explains nothing", one)
		}
		for _, query := range []string{one.Name, strings.ToLower(one.Name), strings.ReplaceAll(one.Name, "_", "-")} {
			if !slices.ContainsFunc(explanationsOf(query),
				func(found explanation) bool { return found.Name == one.Name && found.Kind == one.Kind }) {
				t.Errorf("%s is not found as %s", one.Name, query)
			}
		}
	}
	for _, c := range errorcode.All() {
		if !slices.ContainsFunc(explanationsOf(c.Name), func(found explanation) bool {
			return found.Program == string(c.Domain) && equal(found.Code, numberOf(c))
		}) {
			t.Errorf("%s is not found by its name", c)
		}
	}
}

func explanationsOf(query string) []explanation {
	found, _ := explain(query)
	return found
}

func TestEveryReasonHasAMeaning(t *testing.T) {
	known := map[string]bool{}
	for _, one := range reasonMeanings() {
		if known[one.reason] {
			t.Errorf("%s is there twice", one.reason)
		}
		known[one.reason] = true
		if one.meaning == "" || strings.HasSuffix(one.meaning, ".") || one.code == answer.ExitDone {
			t.Errorf("%+v lacks something", one)
		}
	}
	for number := range usherv1.FailureReason_name {
		if reason := usherv1.FailureReason(number); number != 0 && !known[contract.Name(reason)] {
			t.Errorf("%s has no meaning", reason)
		}
	}
	for number := range usherv1.ErrorReason_name {
		if reason := usherv1.ErrorReason(number); number != 0 && !known[contract.Name(reason)] {
			t.Errorf("%s has no meaning", reason)
		}
	}
}

// Every reason in usherctl's own code is explained, and is in docs/json.md.
func TestEveryOwnReasonIsExplained(t *testing.T) {
	page, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	err = filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range regexp.MustCompile(`Reason: +"([A-Z_]+)"`).FindAllStringSubmatch(string(source), -1) {
			reason := match[1]
			if strings.HasSuffix(reason, "_") {
				continue
			}
			found++
			if !slices.ContainsFunc(reasonMeanings(), func(one reasonMeaning) bool { return one.reason == reason }) {
				t.Errorf("%s has no meaning", reason)
			}
			if !strings.Contains(string(page), "`"+reason+"`") {
				t.Errorf("docs/json.md lacks %s", reason)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 20 {
		t.Errorf("only %d reasons were found in the code", found)
	}
}

// Every code of testdata/public-codes.tsv is explained, with its source, as an argument and in a sentence.
func TestEveryPublicCodeIsExplained(t *testing.T) {
	table, err := os.ReadFile("testdata/public-codes.tsv")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(table)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		columns := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(columns) != 3 {
			t.Fatalf("%q has %d columns", line, len(columns))
		}
		rows++
		for _, query := range []string{columns[0], strings.ToUpper(columns[0]),
			"The help desk reports: " + columns[0] + " (since this morning)"} {
			if len(columns[0]) < 6 && query != columns[0] {
				continue // a number without a meaning of its own
			}
			found := explanationsOf(query)
			if !slices.ContainsFunc(found, func(one explanation) bool {
				return one.Program == columns[1] && one.Name == columns[2] && one.Source != "" && one.Admin != ""
			}) {
				t.Errorf("%q is explained as %+v", query, found)
			}
		}
	}
	if rows < 100 {
		t.Errorf("only %d rows", rows)
	}
}

// Every tag that a source names is in docs/sources.md.
func TestEverySourceIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/sources.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range errorcode.All() {
		if strings.ContainsAny(c.Source, "/\"") || strings.HasPrefix(c.Source, "public ") {
			continue // a URL, a title, or in words
		}
		for tag := range strings.SplitSeq(c.Source, ", ") {
			if strings.Contains(tag, " ") {
				continue // in words
			}
			tag, _, isIssue := strings.Cut(tag, "#")
			if isIssue {
				tag += "#"
			}
			if !regexp.MustCompile(`(?m)^\|[^|]*\b` + regexp.QuoteMeta(tag) + `[,| ]`).Match(page) {
				t.Errorf("the source %q of %s is not in docs/sources.md", tag, c)
			}
		}
	}
}

func TestExplainTextOfSeveralLines(t *testing.T) {
	const text = `2026-03-02 09:14:07.113 INFO com.microsoft.ssp.telemetry TID=1 AriaTelemetryService.swift: 39 (send(_:)) Sending event using aria: CompanyPortalExited : {
    eventTitle = CompanyPortalExited;
    result = Failed;
    resultData = 66;
}
2026-03-02 09:14:08.113 INFO com.microsoft.ssp.workplaceJoinSdk TID=1 A.swift: 3 (f()) ERROR: failed to delete workplace join item, error code:-25244
2026-03-02 09:14:09.113 INFO com.microsoft.ssp.workplaceJoinSdk TID=1 A.swift: 3 (f()) ERROR: failed to delete workplace join item, error code:-25244
`
	var names []string
	for _, one := range explanationsOf(text) {
		names = append(names, one.Name)
	}
	want := []string{event.PortalFailed, "registrationDeviceCapError", "keychain-item-stuck", "errSecInvalidOwnerEdit"}
	if !slices.Equal(names, want) {
		t.Errorf("explained %q, want %q", names, want)
	}
}

func TestNearNames(t *testing.T) {
	for query, want := range map[string]string{
		"keychain-lokced":             "keychain-locked",
		"registrationDevicecapErorr":  "registrationDeviceCapError",
		"not registred":               "NOT_REGISTERED",
		"MSALErorUserCancelled":       "MSALErrorUserCanceled",
		"portl":                       "",
		"abc":                         "",
		strings.Repeat("keychain", 9): "",
	} {
		near := nearNames(query)
		if want == "" && len(near) > 0 || want != "" && (len(near) == 0 || near[0] != want) || len(near) > maximumNear {
			t.Errorf("near %q are %q, want %q", query, near, want)
		}
	}
}
