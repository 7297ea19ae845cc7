package link

import (
	"errors"
	"strings"
	"testing"
)

func TestJudgeCode(t *testing.T) {
	const path = "/usr/local/usher/usher-agent"
	for name, test := range map[string]struct {
		findings                    codeFindings
		accepted, replaced, hasGone bool
	}{
		"the installed one": {findings: codeFindings{}, accepted: true},
		"installed is unsigned": {findings: codeFindings{installed: codeUnsigned, running: codeUnsigned},
			accepted: true},
		"installed cannot be read":     {findings: codeFindings{installed: -67068}},
		"installed is damaged":         {findings: codeFindings{installed: -67061}},
		"has ended":                    {findings: codeFindings{running: codeNoSuchCode}, hasGone: true},
		"has ended, says the system":   {findings: codeFindings{running: 100003}, hasGone: true},
		"file was replaced":            {findings: codeFindings{running: 100002}, replaced: true},
		"file was removed":             {findings: codeFindings{running: codeStaticNotFound}, replaced: true},
		"file was written over":        {findings: codeFindings{validity: codeStaticChanged}, replaced: true},
		"another signature":            {findings: codeFindings{validity: codeRequirementFail}, replaced: true},
		"unsigned, installed is":       {findings: codeFindings{validity: codeUnsigned}},
		"code was changed in memory":   {findings: codeFindings{validity: -67063}},
		"cannot be found out":          {findings: codeFindings{running: 100001}},
		"an unknown status":            {findings: codeFindings{validity: -1}},
		"a later finding does not win": {findings: codeFindings{installed: -67061, validity: codeFine}},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.findings.judge(path)
			if (err == nil) != test.accepted || errors.Is(err, ErrReplacedProgram) != test.replaced ||
				errors.Is(err, ErrPeerGone) != test.hasGone {
				t.Fatalf("got %v", err)
			}
			if err != nil && !test.hasGone && !errors.Is(err, ErrOtherProgram) {
				t.Errorf("%v does not say that it is another program", err)
			}
			if err != nil && !test.hasGone && !strings.Contains(err.Error(), "file") &&
				!strings.Contains(err.Error(), "OSStatus") {
				t.Errorf("%v does not say what was found", err)
			}
		})
	}
}
