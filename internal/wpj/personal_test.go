package wpj_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"usher.internal/internal/wpj"
)

func TestPersonalDataRedactsItself(t *testing.T) {
	const secret = "jane@example.com"
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		for _, value := range []any{
			wpj.UserPrincipalName(secret), wpj.DeviceID(secret), wpj.UserObjectID(secret), wpj.Thumbprint(secret),
			wpj.Identity{UserPrincipalName: secret, DeviceID: secret, UserObjectID: secret, Thumbprint: secret},
			&wpj.Identity{UserPrincipalName: secret, DeviceID: secret, UserObjectID: secret, Thumbprint: secret},
			wpj.Evidence{UserPrincipalName: secret, Thumbprint: secret,
				Certificates: []wpj.HeldCertificate{{DER: []byte(secret)}}},
			&wpj.Evidence{UserPrincipalName: secret, Thumbprint: secret},
		} {
			var output bytes.Buffer
			log := slog.New(handler(&output))
			log.Info("read", "value", value)
			log.With("value", value).WithGroup("of").Info("read", slog.Group("user", "value", value))
			if strings.Contains(output.String(), secret) || strings.Contains(output.String(), "example.com") {
				t.Errorf("%s: %T is logged unchanged: %s", name, value, output.String())
			}
		}
	}
}

func TestPersonalDataSaysThatItIsLeftOut(t *testing.T) {
	var output bytes.Buffer
	slog.New(slog.NewTextHandler(&output, nil)).Info("read", "user", wpj.UserPrincipalName("jane@example.com"),
		"tenant", wpj.TenantID(tenantID))
	if got := output.String(); !strings.Contains(got, "user=[redacted]") || !strings.Contains(got, tenantID) {
		t.Errorf("logged %s", got)
	}
}
