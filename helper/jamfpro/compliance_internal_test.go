package jamfpro

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"

	"usher.internal/internal/wpj"
)

const (
	device = "c9f7fcba-c5d8-4994-8d4c-2c2785b993c1"
	older  = "0a1b2c3d-0000-4000-8000-00000000beef"
)

func TestComplianceIsDecoded(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		want   wpj.Compliance
		err    error
	}{
		"an object, as the schema has it": {
			`[{"deviceId":"7","applicable":true,"complianceState":"COMPLIANT","complianceVendor":"Intune",` +
				`"complianceVendorDeviceInformation":{"deviceIds":["` + device + `"]}}]`,
			wpj.Compliance{Applicable: true, State: "COMPLIANT", DeviceIDs: []wpj.DeviceID{device}}, nil,
		},
		"an array, as the example has it": {
			`[{"applicable":true,"complianceState":"NON_COMPLIANT",` +
				`"complianceVendorDeviceInformation":[{"deviceIds":["` + strings.ToUpper(device) +
				`"]},{"deviceIds":["` + older + `"]}]}]`,
			wpj.Compliance{Applicable: true, State: "NON_COMPLIANT", DeviceIDs: []wpj.DeviceID{device, older}}, nil,
		},
		"not linked": {
			`[{"applicable":true,"complianceState":"UNKNOWN","complianceVendorDeviceInformation":{"deviceIds":[]}}]`,
			wpj.Compliance{Applicable: true, State: "UNKNOWN"}, nil,
		},
		"nothing about devices": {
			`[{"applicable":true}, {"applicable":true,"complianceVendorDeviceInformation":null}]`,
			wpj.Compliance{Applicable: true, State: "UNKNOWN"}, nil,
		},
		"empty and null lists": {
			`[{"applicable":true,"complianceVendorDeviceInformation":[]},{"applicable":true,` +
				`"complianceVendorDeviceInformation":{"deviceIds":null}},{"applicable":true,` +
				`"complianceVendorDeviceInformation":[null,{"deviceIds":[""]}]}]`,
			wpj.Compliance{Applicable: true, State: "UNKNOWN"}, nil,
		},
		"a state of a later version": {
			`[{"applicable":true,"complianceState":"GRACE_PERIOD"}]`,
			wpj.Compliance{Applicable: true, State: "UNKNOWN"}, nil,
		},
		"Microsoft's applies, even if it does not say so": {
			`[{"applicable":false,"complianceState":"NON_COMPLIANT","complianceVendor":"Microsoft"},` +
				`{"applicable":true,"complianceState":"COMPLIANT","complianceVendor":"Vendor B"}]`,
			wpj.Compliance{State: "NON_COMPLIANT"}, nil,
		},
		"Microsoft's comes first of several that apply": {
			`[{"applicable":true,"complianceState":"NON_COMPLIANT","complianceVendor":"Vendor ` +
				`B"},{"applicable":true,"complianceState":"COMPLIANT","complianceVendor":"Microsoft Intune"}]`,
			wpj.Compliance{Applicable: true, State: "COMPLIANT"}, nil,
		},
		"of two without a known name, the one with devices comes first": {
			`[{"applicable":true,"complianceState":"NON_COMPLIANT","complianceVendor":"A"},{"applicable":true,` +
				`"complianceState":"COMPLIANT","complianceVendor":"B",` +
				`"complianceVendorDeviceInformation":{"deviceIds":["` + device + `"]}}]`,
			wpj.Compliance{Applicable: true, State: "COMPLIANT", DeviceIDs: []wpj.DeviceID{device}}, nil,
		},
		"does not apply": {
			`[{"applicable":false,"complianceState":"UNKNOWN","complianceVendor":"Intune"}]`,
			wpj.Compliance{State: "UNKNOWN"}, nil,
		},
		"no vendor":                       {` [ ] `, wpj.Compliance{}, ErrNoCompliance},
		"null instead of an empty array":  {`null`, wpj.Compliance{}, errNotCompliance},
		"an object":                       {`{"applicable":true}`, wpj.Compliance{}, errNotCompliance},
		"an entry that is not an object":  {`[null]`, wpj.Compliance{}, errNotCompliance},
		"does not say whether it applies": {`[{"complianceState":"COMPLIANT"}]`, wpj.Compliance{}, errNotCompliance},
		"an id that cannot be compared": {
			`[{"applicable":true,"complianceVendorDeviceInformation":{"deviceIds":["device-id-1"]}}]`, wpj.Compliance{},
			errNotCompliance},
		"ids that are numbers": {
			`[{"applicable":true,"complianceVendorDeviceInformation":{"deviceIds":[1]}}]`, wpj.Compliance{},
			errNotCompliance},
		"device information that is text": {
			`[{"applicable":true,"complianceVendorDeviceInformation":"` + device + `"}]`, wpj.Compliance{},
			errNotCompliance},
		"truncated": {`[{"applicable":true`, wpj.Compliance{}, errNotCompliance},
		"more devices than one Mac can have": {
			`[{"applicable":true,"complianceVendorDeviceInformation":{"deviceIds":[` +
				strings.Repeat(`"`+device+`",`, maximumDevices) + `"` + older + `"]}}]`, wpj.Compliance{},
			errNotCompliance,
		},
	} {
		known, err := decodeCompliance([]byte(test.answer))
		if !errors.Is(err, test.err) || !reflect.DeepEqual(known, test.want) {
			t.Errorf("%s: %+v, %v; want %+v, %v", name, known, err, test.want, test.err)
		}
	}
}

func FuzzCompliance(f *testing.F) {
	for _, seed := range []string{
		`[]`, `null`, `[{"applicable":true,"complianceState":"COMPLIANT",` +
			`"complianceVendorDeviceInformation":{"deviceIds":["` + device + `"]}}]`,
		`[{"applicable":false,"complianceVendorDeviceInformation":[{"deviceIds":[]}]}]`,
		`[{"applicable":true,"complianceVendorDeviceInformation":[[]]}]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		known, err := decodeCompliance(answer)
		if err != nil {
			// The error has one of two fixed texts, so it contains nothing from the answer.
			if (err != errNotCompliance && err != ErrNoCompliance) || !reflect.DeepEqual(known, wpj.Compliance{}) {
				t.Fatalf("%+v, %v", known, err)
			}
			return
		}
		if known.State != "COMPLIANT" && known.State != "NON_COMPLIANT" && known.State != "UNKNOWN" {
			t.Fatalf("state %q", known.State)
		}
		for _, id := range known.DeviceIDs {
			if parsed, err := uuid.Parse(string(id)); err != nil || parsed.String() != string(id) {
				t.Fatalf("device id %q", id)
			}
		}
	})
}
