package jamfpro

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Computer is a computer at its enrolment.
type Computer struct {
	UDID         string `json:"udid"`
	SerialNumber string `json:"serial_number"`
	Name         string `json:"name"`
	// LastContact is the time of the last contact; zero means the enrolment.
	LastContact time.Time `json:"last_contact,omitzero"`
}

// record is Jamf Pro's record of a computer.
type record struct {
	ID          string                    `json:"id"`
	UDID        string                    `json:"udid"`
	Enrolled    time.Time                 `json:"enrolled"`
	LastContact time.Time                 `json:"last_contact"`
	Reported    time.Time                 `json:"reported,omitzero"`
	Sections    map[string]map[string]any `json:"sections"`         // by JSON name, then field
	Values      map[string][]string       `json:"values,omitempty"` // of extension attributes, by definition
	Patches     int                       `json:"patches"`
	Inventories int                       `json:"inventories"`
	History     []Change                  `json:"history,omitempty"`
}

// section is a part of an inventory record.
type section struct {
	// query names it in the section parameter, key in JSON; display is its name in definitions.
	query, key string
	display    DisplayType
}

// sections are the sections of the stand-in; the last has no object of its own in JSON.
var sections = []section{
	{"GENERAL", "general", DisplayGeneral},
	{"HARDWARE", "hardware", DisplayHardware},
	{"OPERATING_SYSTEM", "operatingSystem", DisplayOperatingSystem},
	{"USER_AND_LOCATION", "userAndLocation", DisplayUserAndLocation},
	{"PURCHASING", "purchasing", DisplayPurchasing},
	{"EXTENSION_ATTRIBUTES", "extensionAttributes", DisplayExtensionAttributes},
}

// AddComputer enrols a computer and returns the id of its record. Enrolling the same computer again makes a further
// record, as can happen with the real one.
func (s *Server) AddComputer(computer Computer) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.options.Now().UTC()
	if computer.LastContact.IsZero() {
		computer.LastContact = now
	}
	added := &record{
		ID: s.nextID(), UDID: computer.UDID, Enrolled: now, LastContact: computer.LastContact.UTC(),
		Sections: map[string]map[string]any{
			"general":  {"name": computer.Name},
			"hardware": {"serialNumber": computer.SerialNumber},
		},
	}
	s.computers = append(s.computers, added)
	s.save()
	return added.ID
}

// RemoveComputer deletes a record, and reports whether it existed.
func (s *Server) RemoveComputer(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.computers)
	s.computers = slices.DeleteFunc(s.computers, func(one *record) bool { return one.ID == id })
	delete(s.compliance, id)
	s.save()
	return len(s.computers) < before
}

func (s *Server) nextID() string {
	s.lastID++
	return strconv.Itoa(s.lastID)
}

// find returns the record with that id. The caller holds mu.
func (s *Server) find(id string) (*record, *apiError) {
	at := slices.IndexFunc(s.computers, func(one *record) bool { return one.ID == id })
	if at < 0 {
		return nil, refuse(http.StatusNotFound, "INVALID_ID", "id", "Computer with id "+id+" does not exist")
	}
	return s.computers[at], nil
}

// findLatest returns the record of that UDID with the latest contact. The caller holds mu.
func (s *Server) findLatest(udid string) *record {
	var latest *record
	for _, one := range s.computers {
		if one.UDID == udid && (latest == nil || one.LastContact.After(latest.LastContact)) {
			latest = one
		}
	}
	return latest
}

func (r *record) text(section, field string) string {
	text, _ := r.Sections[section][field].(string)
	return text
}

// computerFields are the fields for filters and sorting; Jamf Pro has more.
func computerFields(generation string) []string {
	fields := []string{"id", "udid", "general.name", "hardware.serialNumber"}
	for _, name := range contactFields(generation) {
		fields = append(fields, "general."+name)
	}
	return fields
}

func (r *record) field(name string) string {
	switch name {
	case "id":
		return r.ID
	case "udid":
		return r.UDID
	case "general.name":
		return r.text("general", "name")
	case "general.lastContactTime", "general.lastContact", "general.lastCheckIn":
		return timestamp(r.LastContact)
	default:
		return r.text("hardware", "serialNumber")
	}
}

// timestamp is a time in Jamf Pro's form; zero is null.
func timestamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

func (s *Server) listComputers(r *http.Request) (int, any, *apiError) {
	wanted, refused := wantedSections(r)
	if refused != nil {
		return 0, nil, refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, refused := search(r.URL.Query(), s.computers, computerFields(generationOf(r)), "general.name:asc",
		(*record).field)
	if refused != nil {
		return 0, nil, refused
	}
	page := searchResults[map[string]any]{TotalCount: found.TotalCount, Results: []map[string]any{}}
	for _, one := range found.Results {
		page.Results = append(page.Results, s.present(one, wanted, generationOf(r)))
	}
	return http.StatusOK, page, nil
}

func (s *Server) getComputer(r *http.Request) (int, any, *apiError) {
	wanted, refused := wantedSections(r)
	if refused != nil {
		return 0, nil, refused
	}
	return s.answerComputer(r, wanted)
}

func (s *Server) getComputerDetail(r *http.Request) (int, any, *apiError) {
	var all []string
	for _, one := range sections {
		all = append(all, one.query)
	}
	return s.answerComputer(r, all)
}

func (s *Server) answerComputer(r *http.Request, wanted []string) (int, any, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, refused := s.find(r.PathValue("id"))
	if refused != nil {
		return 0, nil, refused
	}
	return http.StatusOK, s.present(found, wanted, generationOf(r)), nil
}

// wantedSections reads the section parameter, which may be repeated or separated by commas; none means GENERAL.
func wantedSections(r *http.Request) ([]string, *apiError) {
	var wanted []string
	for _, one := range strings.Split(strings.Join(r.URL.Query()["section"], ","), ",") {
		if one == "" {
			continue
		}
		if !slices.ContainsFunc(sections, func(known section) bool { return known.query == one }) {
			return nil, refuse(http.StatusBadRequest, "INVALID_SECTION", "section",
				"Section "+one+" is unknown to this stand-in")
		}
		wanted = append(wanted, one)
	}
	if wanted == nil {
		wanted = []string{"GENERAL"}
	}
	return wanted, nil
}

// present returns a record as the API shows it: sections outside the request are null. The caller holds mu.
func (s *Server) present(computer *record, wanted []string, generation string) map[string]any {
	shown := map[string]any{"id": computer.ID, "udid": computer.UDID}
	for _, one := range sections {
		shown[one.key] = nil
		if !slices.Contains(wanted, one.query) {
			continue
		}
		attributes := s.presentAttributes(computer, one.display)
		if one.display == DisplayExtensionAttributes {
			shown[one.key] = attributes
			continue
		}
		content := maps.Clone(computer.Sections[one.key])
		if content == nil {
			content = map[string]any{}
		}
		if one.key == "general" {
			content["platform"] = "Mac"
			for _, name := range contactFields(generation) {
				content[name] = timestamp(computer.LastContact)
			}
			content["lastEnrolledDate"] = timestamp(computer.Enrolled)
			content["reportDate"] = nil
			if !computer.Reported.IsZero() {
				content["reportDate"] = timestamp(computer.Reported)
			}
		}
		content["extensionAttributes"] = attributes
		shown[one.key] = content
	}
	return shown
}

// shownAttribute is an extension attribute of a computer [SPEC].
type shownAttribute struct {
	DefinitionID string   `json:"definitionId"`
	Name         string   `json:"name"`
	Description  string   `json:"description"`
	Enabled      bool     `json:"enabled"`
	MultiValue   bool     `json:"multiValue"`
	Values       []string `json:"values"`
	DataType     DataType `json:"dataType"`
	Options      []string `json:"options"`
	InputType    string   `json:"inputType"`
}

func (s *Server) presentAttributes(computer *record, display DisplayType) []shownAttribute {
	shown := []shownAttribute{}
	for _, definition := range s.definitions {
		if definition.InventoryDisplayType != display {
			continue
		}
		one := shownAttribute{
			DefinitionID: definition.ID, Name: definition.Name, Description: definition.Description,
			Enabled: definition.Enabled,
			Values:  computer.Values[definition.ID], DataType: definition.DataType,
			Options:   definition.PopupMenuChoices,
			InputType: string(definition.InputType),
		}
		// Inventory has its own word for this one [SPEC].
		if definition.InputType == InputDirectoryService {
			one.InputType = "LDAP"
		}
		if one.Values == nil {
			one.Values = []string{}
		}
		if one.Options == nil {
			one.Options = []string{}
		}
		shown = append(shown, one)
	}
	return shown
}
