package identity

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"usher.internal/internal/jamfstate"
	"usher.internal/internal/propertylist"
	"usher.internal/internal/wpj"
)

// JamfAgent returns the source that reads the state of Jamf Conditional Access from the user's preferences, in the file
// at path. macOS may write it a moment after Jamf has set it.
func JamfAgent(path string) Source { return jamfAgent(path) }

type jamfAgent string

func (s jamfAgent) Place() wpj.Source { return wpj.SourceJamfAgent }

func (s jamfAgent) Look(ctx context.Context) wpj.Evidence {
	state, err := ReadJamfState(ctx, string(s))
	evidence := wpj.Evidence{Source: wpj.SourceJamfAgent, Finding: wpj.NotThere,
		Detail: "Jamf Conditional Access has no state for this user."}
	if state != nil {
		evidence = state.Evidence()
	}
	return seen(wpj.SourceJamfAgent, evidence, err)
}

// ReadJamfState reads the state of Jamf Conditional Access from the file at path. It returns nil if the file does not
// exist. It returns within 5 s, even if the home is on a server that does not answer.
func ReadJamfState(ctx context.Context, path string) (*jamfstate.AgentState, error) {
	content, err := propertylist.ContentWithin(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	state, err := jamfstate.ParseAgentState(content)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return state, nil
}
