//go:build linux

package packaging_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Lines that scripts/check-pipes refuses, and similar ones that it accepts.
func TestPipesIntoReadersThatEndEarly(t *testing.T) {
	refused := []string{
		`usherctl version | grep -q v1`,
		`usherctl version 2>&1 | grep -iq v1 || exit 1`,
		`usherctl version |grep -E -q v1`,
		`usherctl version | LC_ALL=C grep --quiet v1`,
		`if ! usherctl version | grep "v1" -q; then exit 1; fi`,
		`line=$(usherctl version | head -1)`,
		`usherctl version | head`,
		`usherctl version |& grep -m1 v1`,
		`usherctl version | grep --max-count=1 v1`,
		`usherctl version | sed -n '1p;q'`,
		`usherctl version | sed 5q`,
		`usherctl version | awk '/v1/ { print; exit }'`,
		`usherctl version | read -r line`,
		`usherctl version | { read -r line; echo "$line"; }`,
		`usherctl version | sudo grep -q v1`,
		"usherctl version |\n  grep -q v1",
		"usherctl version \\\n  | grep -q v1",
		"usherctl version | tr a b |\n\n  head -n 1",
		`exec bash -c 'set -o pipefail; usherctl version | grep -q v1'`,
	}
	allowed := []string{
		`grep -q v1 <<<"$(usherctl version)"`,
		`grep -q v1 < <(usherctl version)`,
		`usherctl version | grep v1 >/dev/null`,
		`usherctl version | grep -v -E 'q|m' | sort -u`,
		`usherctl version || head -1 file`,
		"usherctl version ||\n  grep -q v1 file",
		`head -c 4 file | od -An -tx1`,
		`usherctl version | sed 's/q/m/; s/x//'`,
		`usherctl version | awk '{ existing = 1 }'`,
		`usherctl version | tail -1`,
		`# usherctl version | grep -q v1`,
		`grep -qE 'a|head' file`,
		`usherctl version | while read -r line; do echo "$line"; done`,
		`usherctl version | readlink -f`,
	}
	for want, texts := range map[bool][]string{true: refused, false: allowed} {
		for _, text := range texts {
			file := filepath.Join(t.TempDir(), "script")
			if err := os.WriteFile(file, []byte("#!/bin/bash\nset -o pipefail\n"+text+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			output, err := try(t.Context(), "..", nil, "scripts/check-pipes", file)
			if got := err != nil; got != want || got && !strings.Contains(output, file) {
				t.Errorf("refused is %t, want %t: %s\n%s", got, want, text, output)
			}
		}
	}
}
