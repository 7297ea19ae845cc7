package jamfpro

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// attributeShape is an extension attribute in a ComputerInventoryUpdateRequest [SPEC].
var attributeShape = shape{
	"definitionId": {kind: text},
	"values":       {kind: texts},
	"name":         {readOnly: true},
	"description":  {readOnly: true},
	"enabled":      {readOnly: true},
	"multiValue":   {readOnly: true},
	"dataType":     {readOnly: true},
	"options":      {readOnly: true},
	"inputType":    {readOnly: true},
}

// updateShape is ComputerInventoryUpdateRequest [SPEC].
var updateShape = shape{
	"udid": {kind: text},
	"general": withAttributes(shape{
		"name": {}, "lastIpAddress": {}, "barcode1": {}, "barcode2": {}, "assetTag": {}, "managed": {kind: boolean},
		"siteId": {},
	}),
	"purchasing": withAttributes(shape{
		"leased": {kind: boolean}, "purchased": {kind: boolean}, "poNumber": {}, "poDate": {kind: date}, "vendor": {},
		"warrantyDate": {kind: date}, "appleCareId": {}, "leaseDate": {kind: date}, "purchasePrice": {},
		"lifeExpectancy": {kind: integer}, "purchasingAccount": {}, "purchasingContact": {},
	}),
	"userAndLocation": withAttributes(shape{
		"username": {}, "realname": {}, "email": {}, "position": {}, "phone": {}, "departmentId": {}, "buildingId": {},
		"room": {},
	}),
	"hardware": withAttributes(shape{
		"networkAdapterType": {}, "macAddress": {}, "altNetworkAdapterType": {}, "altMacAddress": {},
	}),
	"operatingSystem":     withAttributes(shape{}),
	"extensionAttributes": {kind: objects, fields: attributeShape},
}

func withAttributes(fields shape) field {
	fields["extensionAttributes"] = field{kind: objects, fields: attributeShape}
	return field{kind: object, fields: fields}
}

// updateComputer is PATCH computers-inventory-detail. It changes nothing unless the whole update is valid.
func (s *Server) updateComputer(r *http.Request) (int, any, *apiError) {
	value, refused := decodeBody(r)
	if refused != nil {
		return 0, nil, refused
	}
	if problems := updateShape.check("", value); problems != nil {
		return 0, nil, badRequest(problems)
	}
	update := value.(map[string]any)
	s.mu.Lock()
	defer s.mu.Unlock()
	computer, refused := s.find(r.PathValue("id"))
	if refused != nil {
		return 0, nil, refused
	}
	changes, problems := s.attributeChanges(update)
	if problems != nil {
		return 0, nil, badRequest(problems)
	}
	if udid, ok := update["udid"].(string); ok {
		computer.UDID = udid
	}
	for _, one := range sections {
		if content, ok := update[one.key].(map[string]any); ok {
			content = maps.Clone(content)
			delete(content, "extensionAttributes")
			if computer.Sections[one.key] == nil {
				computer.Sections[one.key] = map[string]any{}
			}
			maps.Copy(computer.Sections[one.key], content)
		}
	}
	for _, change := range changes {
		computer.set(change.definition, change.values, "api", s.options.Now())
	}
	computer.Patches++
	s.save()
	return http.StatusNoContent, nil, nil
}

// attributeChange is a new, valid value.
type attributeChange struct {
	definition *Definition
	values     []string
}

// attributeChanges collects the extension attributes from all sections of an update.
func (s *Server) attributeChanges(update map[string]any) ([]attributeChange, []problem) {
	var changes []attributeChange
	var problems []problem
	for _, one := range sections {
		entries, at := update["extensionAttributes"], "extensionAttributes"
		if one.display != DisplayExtensionAttributes {
			content, _ := update[one.key].(map[string]any)
			entries, at = content["extensionAttributes"], one.key+".extensionAttributes"
		}
		list, _ := entries.([]any)
		for i, entry := range list {
			change, wrong := s.attributeChange(fmt.Sprintf("%s[%d]", at, i), one.display, entry.(map[string]any))
			if wrong == nil && slices.ContainsFunc(changes,
				func(other attributeChange) bool { return other.definition == change.definition }) {
				wrong = &problem{Code: "DUPLICATE_FIELD", Field: at,
					Description: "Extension attribute " + change.definition.ID + " is given twice"}
			}
			if wrong != nil {
				wrong.ID = "0"
				problems = append(problems, *wrong)
				continue
			}
			changes = append(changes, change)
		}
	}
	return changes, problems
}

func (s *Server) attributeChange(at string, display DisplayType, entry map[string]any) (attributeChange, *problem) {
	id, ok := entry["definitionId"].(string)
	if !ok {
		return attributeChange{}, &problem{Code: "REQUIRED_FIELD", Field: at + ".definitionId",
			Description: "definitionId is required"}
	}
	content, there := entry["values"]
	if !there {
		return attributeChange{}, &problem{Code: "REQUIRED_FIELD", Field: at + ".values",
			Description: "values is required"}
	}
	definition := s.visibleDefinition(id)
	if definition == nil {
		return attributeChange{}, &problem{Code: "INVALID_ID", Field: at + ".definitionId",
			Description: "Extension attribute definition with id " + id + " does not exist"}
	}
	if definition.InventoryDisplayType != display {
		return attributeChange{}, &problem{
			Code: "INVALID_FIELD", Field: at,
			Description: "Extension attribute " + id + " is displayed in " + string(definition.InventoryDisplayType) +
				" and must be updated there",
		}
	}
	var values []string
	list, _ := content.([]any)
	for _, one := range list {
		values = append(values, one.(string))
	}
	if reason := definition.refuses(values); reason != "" {
		return attributeChange{}, &problem{Code: "INVALID_VALUE", Field: at + ".values", Description: reason}
	}
	return attributeChange{definition, values}, nil
}

// refuses says why the API does not accept these values, or returns nothing.
func (d *Definition) refuses(values []string) string {
	switch d.InputType {
	case InputScript:
		return "A value of input type SCRIPT is calculated and can never be set directly"
	case InputDirectoryService:
		return "A value of input type DIRECTORY_SERVICE_ATTRIBUTE_MAPPING can not be set"
	}
	if len(values) > 1 {
		return "There can be only one value"
	}
	for _, value := range values {
		switch {
		case value == "": // empties it, whatever the type
		case d.InputType == InputPopup && !slices.Contains(d.PopupMenuChoices, value):
			return "The value is not one of the pop-up menu's choices"
		case d.DataType == DataInteger:
			if _, err := strconv.ParseInt(value, 10, 64); err != nil {
				return "The value is not an integer"
			}
		case d.DataType == DataDateTime:
			if _, err := time.Parse(time.DateTime, value); err != nil {
				return "The value is not a date YYYY-MM-DD hh:mm:ss"
			}
		}
	}
	return ""
}

// keptHistory is the number of a computer's latest changes that are kept.
const keptHistory = 1000

// set changes the value of an extension attribute. The caller holds the server's mu.
func (r *record) set(definition *Definition, values []string, by string, now time.Time) {
	if r.Values == nil {
		r.Values = map[string][]string{}
	}
	r.Values[definition.ID] = values
	if len(r.History) >= keptHistory {
		r.History = r.History[1:]
	}
	r.History = append(r.History, Change{At: now.UTC(), Name: definition.Name, Values: values, By: by})
}
