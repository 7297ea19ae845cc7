package jamfpro

import (
	"slices"
	"time"
)

// ComputerState is the present record of a computer.
type ComputerState struct {
	ID           string    `json:"id"`
	UDID         string    `json:"udid"`
	SerialNumber string    `json:"serial_number"`
	Name         string    `json:"name"`
	LastContact  time.Time `json:"last_contact"`
	// ExtensionAttributes are the values by name, of those that were ever set.
	ExtensionAttributes map[string][]string `json:"extension_attributes"`
	// Patches and Inventories count the accepted updates, through the API and by `jamf recon`.
	Patches     int `json:"patches"`
	Inventories int `json:"inventories"`
	// History are the latest changes of extension attributes, the oldest first.
	History []Change `json:"history"`
}

// Change is one change of an extension attribute's value.
type Change struct {
	At     time.Time `json:"at"`
	Name   string    `json:"name"`
	Values []string  `json:"values"`
	// By is "api" or "recon".
	By string `json:"by"`
}

// Value returns the value of the extension attribute of that name, empty if it has none.
func (c ComputerState) Value(name string) string {
	if values := c.ExtensionAttributes[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// Computers returns all records in the order of their enrolment.
func (s *Server) Computers() []ComputerState {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []ComputerState{}
	for _, one := range s.computers {
		all = append(all, s.stateOf(one))
	}
	return all
}

// Computer returns the record of that UDID with the latest contact.
func (s *Server) Computer(udid string) (ComputerState, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.findLatest(udid); found != nil {
		return s.stateOf(found), true
	}
	return ComputerState{}, false
}

func (s *Server) stateOf(computer *record) ComputerState {
	shown := ComputerState{
		ID: computer.ID, UDID: computer.UDID, SerialNumber: computer.text("hardware", "serialNumber"),
		Name:        computer.text("general", "name"),
		LastContact: computer.LastContact, Patches: computer.Patches, Inventories: computer.Inventories,
		ExtensionAttributes: map[string][]string{}, History: slices.Clone(computer.History),
	}
	for _, definition := range s.definitions {
		if values, ok := computer.Values[definition.ID]; ok {
			shown.ExtensionAttributes[definition.Name] = slices.Clone(values)
		}
	}
	return shown
}

// Definitions returns all extension attributes.
func (s *Server) Definitions() []Definition {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []Definition{}
	for _, one := range s.definitions {
		all = append(all, *one)
	}
	return all
}

// Request is a request to the server. It has neither the query nor the body.
type Request struct {
	At     time.Time `json:"at"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	// Status is that of the answer; 0 until the answer begins, and if none is sent.
	Status int `json:"status"`
	// Fault is the fault that affected it, if any.
	Fault FaultKind `json:"fault,omitempty"`
	// Ended is true after the end of the answer; the client may have the answer a moment earlier.
	Ended bool `json:"ended"`
}

// Requests returns the latest requests, the oldest first, including active ones.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []Request{}
	for _, one := range s.requests {
		all = append(all, *one)
	}
	return all
}

// ClearRequests removes the requests so far, and the peak of requests at once.
func (s *Server) ClearRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.peak = nil, s.inFlight
}

// PeakRequests returns the highest number of active requests at once; Jamf asks integrations for five at most [DEV].
func (s *Server) PeakRequests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peak
}
