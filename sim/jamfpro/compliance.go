package jamfpro

import (
	"fmt"
	"net/http"
	"slices"
)

// Compliance is Jamf Pro's data about a computer's compliance with one vendor [SPEC].
type Compliance struct {
	Applicable bool `json:"applicable"`
	// State is UNKNOWN, NON_COMPLIANT or COMPLIANT.
	State  string `json:"state"`
	Vendor string `json:"vendor"`
	// DeviceIDs are the vendor's, for Intune the Entra device ids.
	DeviceIDs []string `json:"device_ids"`
	// As an array, the vendor's device information has the form of the example in the specification. Its schema, and
	// the stand-in otherwise, have an object.
	AsArray bool `json:"as_array"`
}

// SetCompliance sets the compliance of the computer with that id; it replaces earlier data.
func (s *Server) SetCompliance(computerID string, known []Compliance) error {
	for _, one := range known {
		if !slices.Contains([]string{"UNKNOWN", "NON_COMPLIANT", "COMPLIANT"}, one.State) {
			return fmt.Errorf("set compliance: state %q is not UNKNOWN, NON_COMPLIANT or COMPLIANT", one.State)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, refused := s.find(computerID); refused != nil {
		return fmt.Errorf("set compliance: no computer has the id %q", computerID)
	}
	s.compliance[computerID] = slices.Clone(known)
	s.save()
	return nil
}

func (s *Server) getCompliance(r *http.Request) (int, any, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	computer, refused := s.find(r.PathValue("id"))
	if refused != nil {
		return 0, nil, refused
	}
	type information struct {
		DeviceIDs []string `json:"deviceIds"`
	}
	answer := []map[string]any{}
	for _, one := range s.compliance[computer.ID] {
		ids := one.DeviceIDs
		if ids == nil {
			ids = []string{}
		}
		var vendorInformation any = information{ids}
		if one.AsArray {
			vendorInformation = []information{{ids}}
		}
		answer = append(answer, map[string]any{
			"deviceId": computer.ID, "applicable": one.Applicable, "complianceState": one.State,
			"complianceVendor":                  one.Vendor,
			"complianceVendorDeviceInformation": vendorInformation,
		})
	}
	return http.StatusOK, answer, nil
}

func (s *Server) getComplianceFeatureToggle(*http.Request) (int, any, *apiError) {
	return http.StatusOK, map[string]bool{"sharedDeviceFeatureEnabled": false}, nil
}
