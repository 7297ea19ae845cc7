package jamfpro

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// state is the content of a state file: no secrets and no tokens.
type state struct {
	LastID      int                     `json:"last_id"`
	Computers   []*record               `json:"computers"`
	Definitions []*Definition           `json:"definitions"`
	Compliance  map[string][]Compliance `json:"compliance"`
}

// restore reads the state file, and reports whether it existed.
func (s *Server) restore() (bool, error) {
	if s.options.StateFile == "" {
		return false, nil
	}
	content, err := os.ReadFile(s.options.StateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read state: %w", err)
	}
	var kept state
	if err := json.Unmarshal(content, &kept); err != nil {
		return false, fmt.Errorf("read state from %s: %w", s.options.StateFile, err)
	}
	s.lastID, s.computers, s.definitions = kept.LastID, kept.Computers, kept.Definitions
	if kept.Compliance != nil {
		s.compliance = kept.Compliance
	}
	return true, nil
}

// save writes the state file after a change, and wakes everyone in Await. The caller holds mu. A file that cannot be
// written is logged: the server continues in memory.
func (s *Server) save() {
	s.broadcast()
	if s.options.StateFile == "" {
		return
	}
	if err := s.writeState(); err != nil {
		s.log.Error("the state was not saved", "error", err)
	}
}

func (s *Server) writeState() error {
	content, err := json.MarshalIndent(state{s.lastID, s.computers, s.definitions, s.compliance}, "", "  ")
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(s.options.StateFile), filepath.Base(s.options.StateFile)+".*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(content)
	if err = errors.Join(err, temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), s.options.StateFile)
	}
	if err != nil {
		os.Remove(temporary.Name())
	}
	return err
}
