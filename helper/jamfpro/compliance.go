package jamfpro

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"usher.internal/internal/wpj"
)

// maximumDevices is how many Entra devices of one computer are read. One is usual; re-registrations leave more.
const maximumDevices = 100

// Compliance returns what Jamf Pro reports about the selected computer's device compliance. The error wraps
// [ErrNoCompliance] if it reports nothing, and [ErrComputerNotFound] if it has no record of the computer. It blocks
// until the server has answered or ctx ends.
func (c *Client) Compliance(ctx context.Context, which Selector) (wpj.Compliance, error) {
	end, err := c.begin(ctx)
	if err != nil {
		return wpj.Compliance{}, err
	}
	defer end()
	if err := c.lookUpVersion(ctx); err != nil {
		return wpj.Compliance{}, err
	}
	computer, err := c.findComputer(ctx, which)
	if err != nil {
		return wpj.Compliance{}, err
	}
	var answer json.RawMessage
	err = c.ask(ctx, callCompliance, request{id: computer.ID}, &answer)
	if refused, ok := errors.AsType[*APIError](err); ok && refused.Status == http.StatusNotFound &&
		len(refused.Errors) > 0 {
		return wpj.Compliance{}, fmt.Errorf("%w: %w", ErrNoCompliance, err)
	}
	if err != nil {
		return wpj.Compliance{}, err
	}
	known, err := decodeCompliance(answer)
	if err != nil && !errors.Is(err, ErrNoCompliance) {
		err = c.server.malformed(callCompliance, err)
	}
	return known, err
}

// ComplianceEvidence is [Client.Compliance] as evidence. It keeps two cases apart: Jamf Pro could not be asked, and
// Jamf Pro knows nothing.
func (c *Client) ComplianceEvidence(ctx context.Context, which Selector) wpj.Evidence {
	known, err := c.Compliance(ctx, which)
	evidence := wpj.Evidence{Source: wpj.SourceJamfPro, ObservedAt: c.now()}
	refused, ok := errors.AsType[*APIError](err)
	switch {
	case err == nil:
		evidence.Finding, evidence.Compliance = wpj.Found, &known
		evidence.Detail = fmt.Sprintf("Jamf Pro says %s, with %d linked Entra devices.", known.State,
			len(known.DeviceIDs))
		if !known.Applicable {
			evidence.Detail = "Jamf Pro says that device compliance does not apply to this Mac."
		}
	case errors.Is(err, ErrComputerNotFound):
		evidence.Finding, evidence.Detail = wpj.NotThere, "Jamf Pro has no record of this Mac."
	case errors.Is(err, ErrNoCompliance):
		evidence.Finding, evidence.Detail = wpj.NotThere, "Jamf Pro knows nothing of this Mac's compliance."
	case ok && refused.Status == http.StatusForbidden && !refused.NotJSON:
		evidence.Finding, evidence.Obstacle = wpj.CouldNotLook, wpj.ObstacleAccessDenied
		evidence.Detail = fmt.Sprintf("The API client of Jamf Pro lacks the privilege %q.", refused.Privilege)
	default:
		evidence.Finding, evidence.Obstacle, evidence.Detail = wpj.CouldNotLook, wpj.ObstacleUnavailable, err.Error()
	}
	return evidence
}

// vendorCompliance is what Jamf Pro reports on behalf of one compliance vendor [SPEC].
type vendorCompliance struct {
	Applicable *bool             `json:"applicable"`
	State      string            `json:"complianceState"`
	Vendor     string            `json:"complianceVendor"`
	Devices    vendorInformation `json:"complianceVendorDeviceInformation"`
}

// vendorInformation holds the vendor's device ids. The schema's description suggests that these are Entra's ids; nobody
// has compared them on a real server: unverified. It is an object in the schema of the API, and an array of such
// objects in the example beside it. Both are read.
type vendorInformation struct{ deviceIDs []string }

// UnmarshalJSON implements [json.Unmarshaler].
func (v *vendorInformation) UnmarshalJSON(text []byte) error {
	type information struct {
		DeviceIDs []string `json:"deviceIds"`
	}
	var all []information
	if text = bytes.TrimSpace(text); bytes.HasPrefix(text, []byte("[")) {
		if err := json.Unmarshal(text, &all); err != nil {
			return err
		}
	} else {
		var one information
		if err := json.Unmarshal(text, &one); err != nil {
			return err
		}
		all = append(all, one)
	}
	v.deviceIDs = nil
	for _, one := range all {
		v.deviceIDs = append(v.deviceIDs, one.DeviceIDs...)
	}
	return nil
}

// errNotCompliance says that an answer does not have the API's form. It quotes nothing from the answer, because the
// answer contains ids.
var errNotCompliance = errors.New("answered with something else than device compliance")

// decodeCompliance reads the answer, an array with an entry for each vendor. It returns the entry that applies to
// Entra. The error wraps [ErrNoCompliance] if the array is empty.
func decodeCompliance(answer []byte) (wpj.Compliance, error) {
	var vendors []vendorCompliance
	if err := json.Unmarshal(answer, &vendors); err != nil || vendors == nil {
		return wpj.Compliance{}, errNotCompliance
	}
	if len(vendors) == 0 {
		return wpj.Compliance{}, ErrNoCompliance
	}
	var chosen vendorCompliance
	for _, one := range vendors {
		if one.Applicable == nil {
			return wpj.Compliance{}, errNotCompliance
		}
		if chosen.Applicable == nil || one.weight() > chosen.weight() {
			chosen = one
		}
	}
	known := wpj.Compliance{Applicable: *chosen.Applicable, State: "UNKNOWN"}
	if chosen.State == "COMPLIANT" || chosen.State == "NON_COMPLIANT" {
		known.State = chosen.State
	}
	for _, text := range chosen.Devices.deviceIDs {
		if text == "" {
			continue
		}
		id, err := uuid.Parse(text)
		if err != nil || len(known.DeviceIDs) == maximumDevices {
			// An id that cannot be compared would look like another device's.
			return wpj.Compliance{}, errNotCompliance
		}
		known.DeviceIDs = append(known.DeviceIDs, wpj.DeviceID(id.String()))
	}
	return known, nil
}

// weight ranks the entry. Microsoft comes before other vendors, because their compliance says nothing about Entra.
// Entries that apply come before those that do not. Entries that name devices, as only Intune's do [SPEC], come before
// those that name none.
func (v vendorCompliance) weight() int {
	weight := 0
	vendor := strings.ToLower(v.Vendor)
	if strings.Contains(vendor, "microsoft") || strings.Contains(vendor, "intune") ||
		strings.Contains(vendor, "entra") {
		weight += 4
	}
	if *v.Applicable {
		weight += 2
	}
	if len(v.Devices.deviceIDs) > 0 {
		weight++
	}
	return weight
}
