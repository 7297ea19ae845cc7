package wpj

import (
	"log/slog"
	"strings"
)

// redacted replaces a value in a log that identifies a person or their device.
const redacted = "[redacted]"

// UserPrincipalName is a user's sign-in name in Entra, for example jane@example.com. It redacts itself in logs.
type UserPrincipalName string

// LogValue implements [slog.LogValuer].
func (UserPrincipalName) LogValue() slog.Value { return slog.StringValue(redacted) }

// Unmasked returns the name. It returns "" for one that macOS masks, such as j***@example.com: Entra allows no asterisk
// in a name, so that name identifies nobody [FL-S1].
func (n UserPrincipalName) Unmasked() UserPrincipalName {
	if strings.Contains(string(n), "*") {
		return ""
	}
	return n
}

// DeviceID is the Entra device id, a lower-case GUID. It redacts itself in logs.
type DeviceID string

// ParseDeviceID reads the text form of a device's id, with or without braces, and in any case.
func ParseDeviceID(text string) (DeviceID, error) {
	id, err := parseGUID(text)
	return DeviceID(id), err
}

// LogValue implements [slog.LogValuer].
func (DeviceID) LogValue() slog.Value { return slog.StringValue(redacted) }

// UserObjectID is the Entra object id of a user, a lower-case GUID. It redacts itself in logs.
type UserObjectID string

// LogValue implements [slog.LogValuer].
func (UserObjectID) LogValue() slog.Value { return slog.StringValue(redacted) }

// Thumbprint is the SHA-1 of a certificate in lower-case hexadecimal. It redacts itself in logs, because it leads to
// the device.
type Thumbprint string

// LogValue implements [slog.LogValuer].
func (Thumbprint) LogValue() slog.Value { return slog.StringValue(redacted) }

// TenantID is the id of an Entra tenant, a lower-case GUID. It names an organisation, not a person, and so logs show
// it.
type TenantID string

// ParseTenantID reads the text form of a tenant's id, with or without braces, and in any case.
func ParseTenantID(text string) (TenantID, error) {
	id, err := parseGUID(text)
	return TenantID(id), err
}

// LogValue implements [slog.LogValuer] for the whole, because handlers do not ask the fields of a struct.
func (i Identity) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("state", string(i.State)),
		slog.String("detail", i.Sentence()),
		slog.String("source", string(i.Source)),
		slog.String("tenant_id", string(i.TenantID)),
		slog.Any("device_id", i.DeviceID),
		slog.Any("user_principal_name", i.UserPrincipalName),
	)
}

// LogValue implements [slog.LogValuer]; see [Identity.LogValue].
func (e Evidence) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("source", string(e.Source)),
		slog.String("finding", string(e.Finding)),
		slog.String("obstacle", string(e.Obstacle)),
		slog.String("detail", e.Detail),
		slog.Int("certificates", len(e.Certificates)),
		slog.Any("user_principal_name", e.UserPrincipalName),
	)
}
