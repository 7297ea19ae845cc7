package jamfpro

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"usher.internal/internal/oneline"
)

// Selector identifies a computer.
type Selector struct {
	// UDID is the hardware UUID, the computer's udid in Jamf Pro. It is not empty.
	UDID string
	// SerialNumber is used if no record has the UDID. If it is empty, usher does not search by it.
	SerialNumber string
}

// Computer is one inventory record.
type Computer struct {
	// ID is a positive number, see [ErrNotAnID]. It changes when the computer is enrolled again, so each delivery looks
	// it up.
	ID           string
	UDID         string
	SerialNumber string
	// LastContactTime is zero if Jamf Pro reports none.
	LastContactTime time.Time
}

// checkID returns an error unless an ID is a number like Jamf Pro's: positive, with at most 10 digits. The ID is put
// into paths.
func checkID(id string) error {
	if number, err := strconv.ParseUint(id, 10, 32); err != nil || number == 0 || strconv.FormatUint(number, 10) != id {
		return fmt.Errorf("%w: %s", ErrNotAnID, strconv.QuoteToASCII(oneline.Of(id, 40)))
	}
	return nil
}

// maximumRecords is how many records of one computer are read. Two are known to happen, after a re-enrolment.
const maximumRecords = 50

// FindComputer returns the record of the selected computer. If there are several, it returns the one with the latest
// contact, and logs that. The error wraps [ErrComputerNotFound] if there is none. It blocks until the server has
// answered or ctx ends.
func (c *Client) FindComputer(ctx context.Context, which Selector) (Computer, error) {
	end, err := c.begin(ctx)
	if err != nil {
		return Computer{}, err
	}
	defer end()
	return c.findComputer(ctx, which)
}

func (c *Client) findComputer(ctx context.Context, which Selector) (Computer, error) {
	if c.computerID != "" {
		return Computer{ID: c.computerID, UDID: which.UDID, SerialNumber: which.SerialNumber}, nil
	}
	if which.UDID == "" && which.SerialNumber == "" {
		return Computer{}, errors.New("find this computer: its UDID is not known; set delivery.computer_udid")
	}
	// A server that ignores a filter returns all its computers, so each record is compared again.
	searches := []struct {
		field, value string
		of           func(Computer) string
	}{
		{"udid", which.UDID, func(found Computer) string { return found.UDID }},
		{"hardware.serialNumber", which.SerialNumber, func(found Computer) string { return found.SerialNumber }},
	}
	for _, search := range searches {
		if search.value == "" {
			continue
		}
		found, err := c.listComputers(ctx, search.field, search.value)
		if err != nil {
			return Computer{}, err
		}
		var latest Computer
		records := 0
		for _, one := range found {
			if !strings.EqualFold(search.of(one), search.value) {
				continue
			}
			if err := checkID(one.ID); err != nil {
				return Computer{}, c.server.malformed(callFindComputer.of(c.inventory.works), err)
			}
			if records++; records == 1 || one.LastContactTime.After(latest.LastContactTime) {
				latest = one
			}
		}
		if records > 1 {
			c.log.Warn("Jamf Pro has several records of this computer; the one with the latest contact is used",
				"records", records, "found_by", search.field, "computer_id", latest.ID, "last_contact",
				latest.LastContactTime)
		}
		if records > 0 {
			return latest, nil
		}
	}
	return Computer{}, fmt.Errorf(
		"%w at %s: no record has this computer's UDID%s; enrol it, and check delivery.computer_udid",
		ErrComputerNotFound, c.server.base.Host, map[bool]string{true: " or serial number"}[which.SerialNumber != ""])
}

func (c *Client) listComputers(ctx context.Context, field, value string) ([]Computer, error) {
	var answer struct {
		Results []computerRecord `json:"results"`
	}
	err := c.askInventory(ctx, callFindComputer, request{
		query: url.Values{
			"section":   {"GENERAL", "HARDWARE"},
			"filter":    {field + "==" + quoteRSQL(value)},
			"page":      {"0"},
			"page-size": {strconv.Itoa(maximumRecords)},
		},
		sensitive: []string{value},
	}, &answer)
	if err != nil {
		return nil, err
	}
	var found []Computer
	for _, one := range answer.Results {
		found = append(found, Computer{ID: one.ID, UDID: one.UDID, SerialNumber: one.Hardware.SerialNumber,
			LastContactTime: one.lastContact()})
	}
	return found, nil
}

// computerRecord is a record as any generation of the API sends it.
type computerRecord struct {
	ID      string `json:"id"`
	UDID    string `json:"udid"`
	General struct {
		// v2 and v3 have one time [SPEC]. v4 replaces it with two: any contact, and the jamf binary's [CHANGELOG].
		LastContactTime string `json:"lastContactTime"`
		LastContact     string `json:"lastContact"`
		LastCheckIn     string `json:"lastCheckIn"`
	} `json:"general"`
	Hardware struct {
		SerialNumber string `json:"serialNumber"`
	} `json:"hardware"`
}

// lastContact is the latest of the record's times. A missing or unreadable time is treated as the oldest.
func (r computerRecord) lastContact() (latest time.Time) {
	for _, text := range []string{r.General.LastContactTime, r.General.LastContact, r.General.LastCheckIn} {
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil && at.After(latest) {
			latest = at
		}
	}
	return latest
}

// quoteRSQL quotes a value for a filter.
func quoteRSQL(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

// attributeValue is an entry of extensionAttributes in a ComputerInventoryUpdateRequest.
type attributeValue struct {
	DefinitionID string   `json:"definitionId"`
	Values       []string `json:"values"`
}

// sections maps the inventoryDisplayType of a definition to the section of a ComputerInventoryUpdateRequest that holds
// the value. "" is the top level [SPEC].
var sections = map[string]string{
	"GENERAL":              "general",
	"HARDWARE":             "hardware",
	"OPERATING_SYSTEM":     "operatingSystem",
	"USER_AND_LOCATION":    "userAndLocation",
	"PURCHASING":           "purchasing",
	"EXTENSION_ATTRIBUTES": "",
}

// updateComputer writes the values to the record. If the record is gone, it looks it up once more: the computer may
// have been enrolled again at that moment.
func (c *Client) updateComputer(ctx context.Context, which Selector, computer Computer, values []definedValue) error {
	err := c.patchComputer(ctx, computer, values)
	refused, ok := errors.AsType[*APIError](err)
	if !ok || refused.Status != http.StatusNotFound {
		return err
	}
	if errors.Is(err, ErrVersion) {
		return err
	}
	if c.computerID != "" {
		if !refused.isUnknownID() {
			return err
		}
		return fmt.Errorf("%w at %s: no record has the ID %s of delivery.api.computer_id; enrol the computer, and "+
			"install its profile again: %w",
			ErrComputerNotFound, c.server.base.Host, c.computerID, err)
	}
	c.log.Info("Jamf Pro's record of this computer is gone, looking for a new one", "computer_id", computer.ID)
	computer, err = c.findComputer(ctx, which)
	if err != nil {
		return err
	}
	return c.patchComputer(ctx, computer, values)
}

func (c *Client) patchComputer(ctx context.Context, computer Computer, values []definedValue) error {
	body := map[string]any{}
	bySection := map[string][]attributeValue{}
	var sensitive []string
	for _, one := range values {
		section := sections[one.definition.InventoryDisplayType]
		bySection[section] = append(bySection[section],
			attributeValue{DefinitionID: one.definition.ID, Values: []string{one.value}})
		sensitive = append(sensitive, one.value)
	}
	for section, attributes := range bySection {
		if section == "" {
			body["extensionAttributes"] = attributes
			continue
		}
		body[section] = map[string]any{"extensionAttributes": attributes}
	}
	return c.askInventory(ctx, callUpdateComputer, request{id: computer.ID, body: body, sensitive: sensitive}, nil)
}
