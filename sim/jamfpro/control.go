package jamfpro

import (
	"encoding/json"
	"net/http"
)

// controlRoutes is the table of the control and inspection for tests in other processes: the Go methods of the stand-in
// over HTTP. Callers need no authentication.
func (s *Server) controlRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	inspect := func(path string, value func() any) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter,
			_ *http.Request) {
			writeJSON(w, http.StatusOK, value())
		})
	}
	do := func(pattern string, action func()) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
			action()
			w.WriteHeader(http.StatusNoContent)
		})
	}
	inspect("/sim/computers", func() any { return s.Computers() })
	inspect("/sim/definitions", func() any { return s.Definitions() })
	inspect("/sim/faults", func() any { return s.Faults() })
	do("DELETE /sim/requests", s.ClearRequests)
	do("DELETE /sim/faults", s.ClearFaults)
	do("POST /sim/revoke-tokens", s.RevokeTokens)
	mux.HandleFunc("POST /sim/faults", s.postFault)
	mux.HandleFunc("POST /sim/computers", s.postComputer)
	mux.HandleFunc("DELETE /sim/computers/{id}", s.deleteComputer)
	mux.HandleFunc("POST /sim/definitions", s.postDefinition)
	mux.HandleFunc("PUT /sim/computers/{id}/compliance", s.putCompliance)
	mux.HandleFunc("GET /sim/updated/{udid}", s.getUpdated)
	mux.HandleFunc("GET /sim/requests", s.getRequests)
	return mux
}

// getUpdated answers with a computer's record after an update, through the API or by a recon: at once, or when it
// happens. With ?attribute=NAME it waits until that extension attribute has a value.
func (s *Server) getUpdated(w http.ResponseWriter, r *http.Request) {
	var computer ComputerState
	attribute := r.URL.Query().Get("attribute")
	err := s.Await(r.Context(), func() bool {
		computer, _ = s.Computer(r.PathValue("udid"))
		return computer.Patches+computer.Inventories > 0 && (attribute == "" || computer.Value(attribute) != "")
	})
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	writeJSON(w, http.StatusOK, computer)
}

// getRequests answers with the requests so far: at once, or with ?await=N when there are N of them.
func (s *Server) getRequests(w http.ResponseWriter, r *http.Request) {
	count, refused := number(r.URL.Query(), "await", 0, 0, keptRequests)
	if refused != nil {
		refused.write(w)
		return
	}
	var requests []Request
	err := s.Await(r.Context(), func() bool {
		requests = s.Requests()
		return len(requests) >= count
	})
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	writeJSON(w, http.StatusOK, requests)
}

// decodeControl reads a control request into value, or answers with an error.
func decodeControl(w http.ResponseWriter, r *http.Request, value any) bool {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		http.Error(w, "decode the request: "+err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

func (s *Server) postFault(w http.ResponseWriter, r *http.Request) {
	var fault Fault
	if !decodeControl(w, r, &fault) {
		return
	}
	if err := s.AddFault(fault); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) postComputer(w http.ResponseWriter, r *http.Request) {
	var computer Computer
	if decodeControl(w, r, &computer) {
		writeJSON(w, http.StatusCreated, map[string]string{"id": s.AddComputer(computer)})
	}
}

func (s *Server) deleteComputer(w http.ResponseWriter, r *http.Request) {
	if !s.RemoveComputer(r.PathValue("id")) {
		http.Error(w, "there is no such computer", http.StatusNotFound)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) postDefinition(w http.ResponseWriter, r *http.Request) {
	var definition Definition
	if !decodeControl(w, r, &definition) {
		return
	}
	added, err := s.AddDefinition(definition)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	writeJSON(w, http.StatusCreated, added)
}

func (s *Server) putCompliance(w http.ResponseWriter, r *http.Request) {
	var known []Compliance
	if !decodeControl(w, r, &known) {
		return
	}
	if err := s.SetCompliance(r.PathValue("id"), known); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
