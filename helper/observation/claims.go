package observation

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"usher.internal/internal/oneline"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// Limits on an agent's claims: evidence beyond them is cut off.
const (
	maximumEvidence     = 16
	maximumCertificates = 64
	maximumUsers        = 16 // of one certificate
	maximumAttribute    = 1024
	maximumDetail       = 500
	// maximumCertificateBytes is for all certificates of a source together; a device certificate has about 1,000.
	maximumCertificateBytes = 256 << 10
)

// agentSources are the sources that an agent can report on. The others are the helper's own.
var agentSources = []wpj.Source{wpj.SourceLoginKeychain, wpj.SourcePlatformSSO, wpj.SourceSecureEnclave,
	wpj.SourceJamfAgent}

// bounded returns at most as many certificates as an agent may claim.
func bounded(certificates []*usherv1.DeviceCertificate) []*usherv1.DeviceCertificate {
	size := 0
	for i, one := range certificates {
		if size += len(one.GetDer()); i == maximumCertificates || size > maximumCertificateBytes {
			return certificates[:i]
		}
	}
	return certificates
}

// isID reports whether a text is empty, or has the form of a tenant's id or a thumbprint in keychain items. That is a
// GUID, in braces or not, a domain, hexadecimal or base64.
func isID(text string) bool {
	for i := range len(text) {
		letter := text[i]
		if letter-'0' > 9 && (letter|0x20)-'a' > 25 &&
			(i == 0 && letter != '{' || strings.IndexByte("{}-.:_+/=", letter) < 0) {
			return false
		}
	}
	return !strings.Contains(text, "..")
}

// plausible returns evidence fit to be kept and shown. A text that cannot be from a keychain item, for example with
// invisible letters, is not cut to fit: it would then say something else. Instead the source is treated as one that
// could not be looked at.
func plausible(evidence wpj.Evidence) wpj.Evidence {
	texts := []string{
		string(evidence.UserPrincipalName), string(evidence.TenantID), string(evidence.Thumbprint), evidence.CloudHost,
		string(evidence.DeviceID),
	}
	if sso := evidence.PlatformSSO; sso != nil {
		texts = append(texts, sso.User, sso.ExtensionID, sso.IssuerHost)
	}
	for _, held := range evidence.Certificates {
		if held.Items == nil {
			continue
		}
		texts = append(texts, string(held.Items.TenantID), string(held.Items.Thumbprint), held.Items.CloudHost)
		held.Items.UserPrincipalNames =
			held.Items.UserPrincipalNames[:min(len(held.Items.UserPrincipalNames), maximumUsers)]
		for _, name := range held.Items.UserPrincipalNames {
			texts = append(texts, string(name))
		}
	}
	implausible := func(detail string) wpj.Evidence {
		return wpj.Evidence{
			Source: evidence.Source, ObservedAt: evidence.ObservedAt, Finding: wpj.CouldNotLook,
			Obstacle: wpj.ObstacleFailed, Detail: detail,
		}
	}
	for _, text := range texts {
		if len(text) > maximumAttribute ||
			strings.ContainsFunc(text, func(letter rune) bool { return !unicode.IsPrint(letter) }) {
			return implausible("the agent sent a text that macOS does not write")
		}
	}
	if evidence.DeviceID != "" {
		id, err := wpj.ParseDeviceID(string(evidence.DeviceID))
		if err != nil {
			return implausible("the agent sent a device ID that is not a GUID")
		}
		evidence.DeviceID = id
	}
	ids := []string{string(evidence.TenantID), string(evidence.Thumbprint)}
	for _, held := range evidence.Certificates {
		if held.Items != nil {
			ids = append(ids, string(held.Items.TenantID), string(held.Items.Thumbprint))
		}
	}
	if slices.ContainsFunc(ids, func(id string) bool { return !isID(id) }) {
		return implausible("the agent sent a tenant ID or thumbprint in the wrong form")
	}
	evidence.Detail = oneline.Of(evidence.Detail, maximumDetail)
	// Only the helper may say these.
	evidence.Possession, evidence.JamfSettings, evidence.Compliance = "", nil, nil
	if now := time.Now(); evidence.ObservedAt.After(now) {
		evidence.ObservedAt = now
	}
	return evidence
}
