package jamfpro

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// InputType is the source of an extension attribute's value [SPEC].
type InputType string

// DataType is the type of its value.
type DataType string

// DisplayType is its section of the inventory.
type DisplayType string

// The values of these types [SPEC].
const (
	InputScript           InputType = "SCRIPT"
	InputText             InputType = "TEXT"
	InputPopup            InputType = "POPUP"
	InputDirectoryService InputType = "DIRECTORY_SERVICE_ATTRIBUTE_MAPPING"

	DataString   DataType = "STRING"
	DataInteger  DataType = "INTEGER"
	DataDateTime DataType = "DATE_TIME"

	DisplayGeneral             DisplayType = "GENERAL"
	DisplayHardware            DisplayType = "HARDWARE"
	DisplayOperatingSystem     DisplayType = "OPERATING_SYSTEM"
	DisplayUserAndLocation     DisplayType = "USER_AND_LOCATION"
	DisplayPurchasing          DisplayType = "PURCHASING"
	DisplayExtensionAttributes DisplayType = "EXTENSION_ATTRIBUTES"
)

var (
	inputTypes   = []InputType{InputScript, InputText, InputPopup, InputDirectoryService}
	dataTypes    = []DataType{DataString, DataInteger, DataDateTime}
	displayTypes = []DisplayType{DisplayGeneral, DisplayHardware, DisplayOperatingSystem, DisplayUserAndLocation,
		DisplayPurchasing, DisplayExtensionAttributes}
)

// Definition is a computer extension attribute as an admin defines it [SPEC].
type Definition struct {
	ID                   string      `json:"id"`
	Name                 string      `json:"name"`
	Description          string      `json:"description"`
	DataType             DataType    `json:"dataType"`
	Enabled              bool        `json:"enabled"`
	InputType            InputType   `json:"inputType"`
	InventoryDisplayType DisplayType `json:"inventoryDisplayType"`
	ScriptContents       string      `json:"scriptContents,omitempty"`
	PopupMenuChoices     []string    `json:"popupMenuChoices"`

	// visible is the time from which the whole cluster knows it.
	visible time.Time
}

var definitionShape = shape{
	"id": {readOnly: true}, "name": {}, "description": {}, "dataType": {}, "enabled": {kind: boolean}, "inputType": {},
	"inventoryDisplayType": {}, "scriptContents": {}, "popupMenuChoices": {kind: texts}, "ldapAttributeMapping": {},
	"ldapExtensionAttributeAllowed": {kind: boolean}, "manageExistingData": {},
}

var definitionFields = []string{"id", "name"}

func (d *Definition) field(name string) string {
	if name == "id" {
		return d.ID
	}
	return d.Name
}

func (s *Server) listDefinitions(r *http.Request) (int, any, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.options.Now()
	known := slices.DeleteFunc(slices.Clone(s.definitions),
		func(one *Definition) bool { return now.Before(one.visible) })
	found, refused := search(r.URL.Query(), known, definitionFields, "name:asc", (*Definition).field)
	return http.StatusOK, found, refused
}

// visibleDefinition returns a definition unless it is too new for the whole cluster to know it. The caller holds mu.
func (s *Server) visibleDefinition(id string) *Definition {
	at := slices.IndexFunc(s.definitions, func(one *Definition) bool { return one.ID == id })
	if at < 0 || s.options.Now().Before(s.definitions[at].visible) {
		return nil
	}
	return s.definitions[at]
}

func (s *Server) createDefinition(r *http.Request) (int, any, *apiError) {
	definition, refused := decodeDefinition(r)
	if refused != nil {
		return 0, nil, refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	definition.visible = s.options.Now().Add(s.options.ClusterLag)
	created, wrong := s.define(definition)
	if wrong != nil {
		return 0, nil, badRequest([]problem{*wrong})
	}
	return http.StatusCreated, map[string]string{"id": created.ID,
		"href": "https://" + r.Host + definitionsPath + "/" + created.ID}, nil
}

// changeDefinition is PUT [SPEC]. It is unknown how values change that do not fit the new data type; here they remain
// until they are written.
func (s *Server) changeDefinition(r *http.Request) (int, any, *apiError) {
	definition, refused := decodeDefinition(r)
	if refused != nil {
		return 0, nil, refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.visibleDefinition(r.PathValue("id"))
	if before == nil {
		return 0, nil, refuse(http.StatusNotFound, "INVALID_ID", "id",
			"Extension attribute with id "+r.PathValue("id")+" does not exist")
	}
	definition.ID = before.ID
	if wrong := s.refusesDefinition(definition); wrong != nil {
		return 0, nil, badRequest([]problem{*wrong})
	}
	*before = definition
	s.save()
	return http.StatusOK, definition, nil
}

// decodeDefinition reads the definition that a request carries.
func decodeDefinition(r *http.Request) (definition Definition, refused *apiError) {
	value, refused := decodeBody(r)
	if refused != nil {
		return definition, refused
	}
	problems := definitionShape.check("", value)
	if problems != nil {
		return definition, badRequest(problems)
	}
	wanted := value.(map[string]any)
	for _, name := range []string{"name", "inputType", "inventoryDisplayType"} {
		if content, _ := wanted[name].(string); strings.TrimSpace(content) == "" {
			problems = append(problems, problem{Code: "REQUIRED_FIELD", Field: name, ID: "0",
				Description: name + " is required"})
		}
	}
	if problems = append(problems, unrelatedFields(wanted)...); problems != nil {
		return definition, badRequest(problems)
	}
	definition = Definition{Enabled: true, DataType: DataString, PopupMenuChoices: []string{}}
	definition.Name, _ = wanted["name"].(string)
	definition.Description, _ = wanted["description"].(string)
	definition.ScriptContents, _ = wanted["scriptContents"].(string)
	definition.InputType = InputType(wanted["inputType"].(string))
	definition.InventoryDisplayType = DisplayType(wanted["inventoryDisplayType"].(string))
	if dataType, ok := wanted["dataType"].(string); ok {
		definition.DataType = DataType(dataType)
	}
	if enabled, ok := wanted["enabled"].(bool); ok {
		definition.Enabled = enabled
	}
	choices, _ := wanted["popupMenuChoices"].([]any)
	for _, choice := range choices {
		definition.PopupMenuChoices = append(definition.PopupMenuChoices, choice.(string))
	}
	return definition, nil
}

// unrelatedFields finds fields that do not belong to the input type.
func unrelatedFields(wanted map[string]any) []problem {
	var problems []problem
	for name, inputType := range map[string]InputType{
		"scriptContents": InputScript, "manageExistingData": InputScript, "popupMenuChoices": InputPopup,
		"ldapAttributeMapping": InputDirectoryService, "ldapExtensionAttributeAllowed": InputDirectoryService,
	} {
		empty := wanted[name] == nil || wanted[name] == false || wanted[name] == ""
		if list, ok := wanted[name].([]any); ok {
			empty = len(list) == 0
		}
		if !empty && wanted["inputType"] != string(inputType) {
			problems = append(problems, problem{Code: "INVALID_FIELD", Field: name, ID: "0",
				Description: name + " goes with input type " + string(inputType) + " only"})
		}
	}
	if wanted["enabled"] == false && wanted["inputType"] != string(InputScript) {
		problems = append(problems, problem{Code: "INVALID_FIELD", Field: "enabled", ID: "0",
			Description: "only input type SCRIPT can be disabled"})
	}
	slices.SortFunc(problems, func(a, b problem) int { return strings.Compare(a.Field, b.Field) })
	return problems
}

// define validates a definition and adds it under a new id. The caller holds mu.
func (s *Server) define(definition Definition) (*Definition, *problem) {
	if wrong := s.refusesDefinition(definition); wrong != nil {
		return nil, wrong
	}
	definition.ID = s.nextID()
	if definition.PopupMenuChoices == nil {
		definition.PopupMenuChoices = []string{}
	}
	s.definitions = append(s.definitions, &definition)
	s.save()
	return &definition, nil
}

// refusesDefinition says what is wrong with a definition, or returns nil. The caller holds mu.
func (s *Server) refusesDefinition(definition Definition) *problem {
	invalid := func(field, value string) *problem {
		return &problem{Code: "INVALID_VALUE", Field: field, ID: "0",
			Description: fmt.Sprintf("%s %q is not allowed", field, value)}
	}
	switch {
	case !slices.Contains(inputTypes, definition.InputType):
		return invalid("inputType", string(definition.InputType))
	case !slices.Contains(displayTypes, definition.InventoryDisplayType):
		return invalid("inventoryDisplayType", string(definition.InventoryDisplayType))
	case !slices.Contains(dataTypes, definition.DataType):
		return invalid("dataType", string(definition.DataType))
	case definition.InputType == InputDirectoryService:
		return &problem{Code: "INVALID_VALUE", Field: "inputType", ID: "0", Description: "LDAP is not configured"}
	}
	same := func(one *Definition) bool {
		return strings.EqualFold(one.Name, definition.Name) && one.ID != definition.ID
	}
	if slices.ContainsFunc(s.definitions, same) {
		return &problem{Code: "DUPLICATE_FIELD", Field: "name", ID: "0",
			Description: "An extension attribute with this name already exists"}
	}
	return nil
}

// AddDefinition adds an extension attribute as an admin does. Empty types mean TEXT, STRING and EXTENSION_ATTRIBUTES;
// the server assigns the id. It is enabled.
func (s *Server) AddDefinition(definition Definition) (Definition, error) {
	if definition.InputType == "" {
		definition.InputType = InputText
	}
	if definition.DataType == "" {
		definition.DataType = DataString
	}
	if definition.InventoryDisplayType == "" {
		definition.InventoryDisplayType = DisplayExtensionAttributes
	}
	definition.Enabled, definition.visible = true, time.Time{}
	s.mu.Lock()
	defer s.mu.Unlock()
	added, wrong := s.define(definition)
	if wrong != nil {
		return Definition{}, fmt.Errorf("add extension attribute %q: %s", definition.Name, wrong.Description)
	}
	return *added, nil
}

// RemoveDefinition deletes the extension attribute of that name, with its values, and reports whether it existed.
func (s *Server) RemoveDefinition(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.definitions, func(one *Definition) bool { return one.Name == name })
	if at < 0 {
		return false
	}
	for _, computer := range s.computers {
		delete(computer.Values, s.definitions[at].ID)
	}
	s.definitions = slices.Delete(s.definitions, at, at+1)
	s.save()
	return true
}
