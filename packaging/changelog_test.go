package packaging_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// changes are the parts that a version's section may have, in their order: those of
// https://keepachangelog.com/en/1.1.0/, and the changes that an admin has to make.
var changes = []string{"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security", "What an admin has to change"}

const unreleased = "Unreleased"

var (
	versionHeading = regexp.MustCompile(`^## \[([^\]]+)\](?: - (\S+))?$`)
	linkLine       = regexp.MustCompile(`^\[[^\]]+\]: https?://\S+$`)
)

// checkChangelog returns an error for each line of a text that does not follow Keep a Changelog.
func checkChangelog(text string) error {
	var problems []error
	var version, part string
	var lastDate time.Time
	var versions, parts []string
	entries := 0
	wrong := func(number int, format string, arguments ...any) {
		problems = append(problems, fmt.Errorf("line %d: %s", number, fmt.Sprintf(format, arguments...)))
	}
	endPart := func(number int) {
		if part != "" && entries == 0 {
			wrong(number, "%q of %s has no entry", part, version)
		}
		part, entries = "", 0
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != "# Changelog" {
		wrong(1, "the title is %q, want \"# Changelog\"", lines[0])
	}
	for i, line := range lines[1:] {
		number := i + 2
		switch {
		case strings.HasPrefix(line, "## "):
			endPart(number)
			heading := versionHeading.FindStringSubmatch(line)
			if heading == nil {
				wrong(number, "%q is not \"## [Unreleased]\" or \"## [VERSION] - YYYY-MM-DD\"", line)
				continue
			}
			version, parts = heading[1], nil
			if slices.Contains(versions, version) {
				wrong(number, "%s has a section already", version)
			}
			versions = append(versions, version)
			if version == unreleased {
				if len(versions) > 1 || heading[2] != "" {
					wrong(number, "%s comes first, without a date", unreleased)
				}
				continue
			}
			date, err := time.Parse(time.DateOnly, heading[2])
			switch {
			case err != nil:
				wrong(number, "the date of %s is %q, want YYYY-MM-DD", version, heading[2])
			case !lastDate.IsZero() && date.After(lastDate):
				wrong(number, "%s is newer than the version above it", version)
			}
			lastDate = date
		case strings.HasPrefix(line, "### "):
			endPart(number)
			part = strings.TrimPrefix(line, "### ")
			place := slices.Index(changes, part)
			switch {
			case version == "":
				wrong(number, "%q is in no version", part)
			case place < 0:
				wrong(number, "%q is not one of %s", part, strings.Join(changes, ", "))
			case len(parts) > 0 && slices.Index(changes, parts[len(parts)-1]) >= place:
				wrong(number, "%q comes after %q; the order is %s", part, parts[len(parts)-1],
					strings.Join(changes, ", "))
			}
			parts = append(parts, part)
		case strings.HasPrefix(line, "#"):
			wrong(number, "%q is a heading of another kind", line)
		case line == "", linkLine.MatchString(line), version == "": // the introduction
		case strings.HasPrefix(line, "- "):
			entries++
			if part == "" {
				wrong(number, "an entry is under one of %s", strings.Join(changes, ", "))
			}
		case !strings.HasPrefix(line, "  ") || entries == 0:
			wrong(number, "%q is not an entry; entries begin with \"- \", and further lines of one with two spaces",
				line)
		}
	}
	endPart(len(lines))
	if len(versions) == 0 || versions[0] != unreleased {
		wrong(len(lines), "the first section is \"## [%s]\", also while it is empty", unreleased)
	}
	return errors.Join(problems...)
}

func TestChangelog(t *testing.T) {
	content, err := os.ReadFile("../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	if err := checkChangelog(string(content)); err != nil {
		t.Errorf("CHANGELOG.md does not follow https://keepachangelog.com/en/1.1.0/:\n%v", err)
	}
}

func TestWhatIsNoChangelog(t *testing.T) {
	const begin = "# Changelog\n\nAbout it.\n\n## [Unreleased]\n\n"
	for name, text := range map[string]string{
		"nothing more": begin,
		"whole": begin + "### Added\n\n- One,\n  in two lines.\n- Two.\n\n### Fixed\n\n- Three.\n\n### " +
			"What an admin has to change\n\n- Four.\n",
		"with versions": begin + "## [1.1.0] - 2027-01-02\n\n### Changed\n\n- One.\n\n## [1.0.0] - " +
			"2026-12-01\n\n[1.0.0]: https://example.com/1.0.0\n",
		"two on one day":   begin + "## [1.0.1] - 2026-12-01\n## [1.0.0] - 2026-12-01\n",
		"security at last": begin + "### Security\n- One.\n",
	} {
		if err := checkChangelog(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"empty":                "",
		"another title":        "# Changes\n\n## [Unreleased]\n",
		"no unreleased":        "# Changelog\n\n## [1.0.0] - 2026-12-01\n",
		"unreleased second":    "# Changelog\n\n## [1.0.0] - 2026-12-01\n\n## [Unreleased]\n",
		"unreleased, dated":    "# Changelog\n\n## [Unreleased] - 2026-12-01\n",
		"unreleased twice":     begin + "## [Unreleased]\n",
		"without brackets":     begin + "## 1.0.0 - 2026-12-01\n",
		"without a date":       begin + "## [1.0.0]\n",
		"another date":         begin + "## [1.0.0] - 01.12.2026\n",
		"older first":          begin + "## [1.0.0] - 2026-12-01\n## [1.1.0] - 2027-01-02\n",
		"a version twice":      begin + "## [1.0.0] - 2026-12-01\n## [1.0.0] - 2026-12-01\n",
		"another part":         begin + "### Improved\n\n- One.\n",
		"parts in another way": begin + "### Fixed\n\n- One.\n\n### Added\n\n- Two.\n",
		"a part twice":         begin + "### Fixed\n\n- One.\n\n### Fixed\n\n- Two.\n",
		"an empty part":        begin + "### Added\n\n### Fixed\n\n- One.\n",
		"an empty part at end": begin + "### Added\n",
		"an entry of nothing":  begin + "- One.\n",
		"text":                 begin + "### Added\n\nOne.\n",
		"text after an entry":  begin + "### Added\n\n- One,\nin two lines.\n",
		"a deeper heading":     begin + "#### Added\n\n- One.\n",
		"a part of no version": "# Changelog\n\n### Added\n\n- One.\n\n## [Unreleased]\n",
		"Windows's ends":       strings.ReplaceAll(begin+"### Added\n\n- One.\n", "\n", "\r\n"),
	} {
		if err := checkChangelog(text); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}
