package jamfpro

import (
	"encoding/json"
	"net/http"
	"slices"
)

// Inventory is the body that the simulated `jamf recon` sends to POST /sim/inventory.
type Inventory struct {
	UDID string `json:"udid"`
	// Name is the computer's; if empty, the name remains.
	Name                string            `json:"name"`
	ExtensionAttributes []InventoryResult `json:"extension_attributes"`
}

// InventoryResult is the result of an extension attribute's script.
type InventoryResult struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// InventoryAnswer answers an [Inventory].
type InventoryAnswer struct {
	// ID is that of the computer's record.
	ID string `json:"id"`
	// Ignored are the names of results whose extension attributes are not of input type SCRIPT.
	Ignored []string `json:"ignored,omitempty"`
}

// takeInventory overwrites the values of SCRIPT extension attributes with the results of their scripts. The real server
// distributes the scripts; here they are beside the simulated jamf, so an undefined name is defined.
func (s *Server) takeInventory(r *http.Request) (int, any, *apiError) {
	var inventory Inventory
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&inventory); err != nil {
		return 0, nil, refuse(http.StatusBadRequest, "INVALID_JSON", "", "The inventory is invalid")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	computer := s.findLatest(inventory.UDID)
	if computer == nil {
		return 0, nil, refuse(http.StatusNotFound, "INVALID_ID", "udid", "This computer is not enrolled")
	}
	answer := InventoryAnswer{ID: computer.ID}
	now := s.options.Now().UTC()
	for _, result := range inventory.ExtensionAttributes {
		at := slices.IndexFunc(s.definitions, func(one *Definition) bool { return one.Name == result.Name })
		var definition *Definition
		switch {
		case at >= 0 && s.definitions[at].InputType == InputScript:
			definition = s.definitions[at]
		case at < 0:
			added, wrong := s.define(Definition{
				Name: result.Name, Enabled: true, DataType: DataString, InputType: InputScript,
				InventoryDisplayType: DisplayExtensionAttributes,
			})
			if wrong != nil {
				return 0, nil, badRequest([]problem{*wrong})
			}
			definition = added
		default:
			answer.Ignored = append(answer.Ignored, result.Name)
			continue
		}
		computer.set(definition, []string{result.Value}, "recon", now)
	}
	if inventory.Name != "" {
		computer.Sections["general"]["name"] = inventory.Name
	}
	computer.LastContact, computer.Reported = now, now
	computer.Inventories++
	s.save()
	return http.StatusOK, answer, nil
}
