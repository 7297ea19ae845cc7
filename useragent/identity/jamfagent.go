package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"usher.internal/internal/jamfstate"
	"usher.internal/internal/wpj"
)

// maximumJamfState is more than such a file can sensibly hold, in bytes.
const maximumJamfState = 1 << 20

// JamfAgent returns the source that reads what Jamf Conditional Access keeps in the user's preferences, in the file at path.
// macOS may write it a moment after Jamf has set it.
func JamfAgent(path string) Source { return jamfAgent(path) }

type jamfAgent string

func (s jamfAgent) Place() wpj.Source { return wpj.SourceJamfAgent }

func (s jamfAgent) Look(context.Context) wpj.Evidence {
	state, err := ReadJamfState(string(s))
	evidence := wpj.Evidence{Source: wpj.SourceJamfAgent, Finding: wpj.NotThere, Detail: "Jamf Conditional Access has no state for this user."}
	if state != nil {
		evidence = state.Evidence()
	}
	return seen(wpj.SourceJamfAgent, evidence, err)
}

// ReadJamfState reads the state of Jamf Conditional Access from the file at path; nil where there is no such file.
func ReadJamfState(path string) (*jamfstate.AgentState, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a named pipe would wait for somebody to write
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read %s: it is no file", path)
	}
	content, err := io.ReadAll(io.LimitReader(file, maximumJamfState+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(content) > maximumJamfState {
		return nil, fmt.Errorf("read %s: it is larger than %d bytes", path, maximumJamfState)
	}
	state, err := jamfstate.ParseAgentState(content)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return state, nil
}
