package afar

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"usher.internal/ctl/answer"
	"usher.internal/internal/oneline"
)

// Announcement is the first line of usherctl's output on another Mac, if it is asked for. What the shell there prints
// before it is not usherctl's. The line is not on the command line, because a shell could repeat it.
const Announcement = "usherctl begins: usher.ssh.v1\n"

// announceFlag asks for the announcement. An older usherctl refuses the flag; without it, usherctl announces nothing.
const announceFlag = "announce"

// maximumNoise is how many bytes a shell may print before usherctl speaks.
const maximumNoise = 64 << 10

// errNoise says that a shell has printed more than maximumNoise.
var errNoise = errors.New("too much before usherctl spoke")

func addAnnounce(flags *pflag.FlagSet, announce *bool) {
	flags.BoolVar(announce, announceFlag, false,
		"first write the line “"+strings.TrimSpace(Announcement)+"”, since a shell may have printed something before")
}

// preamble is what another Mac writes before usherctl there begins.
type preamble struct {
	noise []byte
	// over reports whether usherctl has begun to write.
	over bool
}

// skip returns the part of p that usherctl wrote; p continues what skip got before. The error is errNoise.
func (p *preamble) skip(more []byte) ([]byte, error) {
	if p.over {
		return more, nil
	}
	from := max(0, len(p.noise)-len(Announcement))
	p.noise = append(p.noise, more...)
	if at := bytes.Index(p.noise[from:], []byte(Announcement)); at >= 0 {
		rest := p.noise[from+at+len(Announcement):]
		p.noise, p.over = nil, true
		return rest, nil
	}
	if len(p.noise) > maximumNoise+len(Announcement) {
		return nil, errNoise
	}
	return nil, nil
}

// printed returns the first line that the other Mac has printed, to be shown. It is empty if usherctl has begun to
// write, or if nothing was printed.
func (p *preamble) printed() string {
	for line := range strings.Lines(string(p.noise)) {
		if line = strings.TrimSpace(oneline.Of(strings.ToValidUTF8(line, "\ufffd"), 80)); line != "" {
			return line
		}
	}
	return ""
}

// skipper passes on what usherctl has written, without the preamble.
type skipper struct {
	to       io.Writer
	preamble preamble
}

// Write implements io.Writer.
func (s *skipper) Write(p []byte) (int, error) {
	rest, err := s.preamble.skip(p)
	if err == nil && len(rest) > 0 {
		_, err = s.to.Write(rest)
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// noisy is the failure of a host whose shell has printed something; whatCame says what happened then.
func (h Host) noisy(printed, whatCame string) *answer.Failure {
	return h.unreachable(fmt.Sprintf("it printed %q %s", printed, whatCame),
		"the start-up files of a shell must print nothing where there is no terminal; `"+h.sshLine("true")+
			"` shows what they print")
}

// tooNoisy is the failure of a host whose shell does not stop printing.
func (h Host) tooNoisy(printed string) *answer.Failure {
	return h.noisy(cmp.Or(printed, "…"), fmt.Sprintf("and more than %d kB before usherctl spoke", maximumNoise>>10))
}
