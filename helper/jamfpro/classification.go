package jamfpro

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaximumRetryAfter limits the wait that a server may ask for.
const MaximumRetryAfter = time.Hour

// verdict says, for a range of answers, whether trying again can help, and what to do.
type verdict struct {
	first, last int
	permanent   bool
	// advice may name the privilege of the call with %s.
	advice string
}

// verdicts is searched from the top; the first range that contains the status applies. Status 0 means that there was no
// answer.
var verdicts = []verdict{
	{0, 0, false, "check the network, the proxy and the certificate of the server"},
	{200, 299, false, "this is not what the call answers with: a proxy or captive portal may be in the way"},
	{300, 399, false, "redirects are not followed: check delivery.api.url, or a captive portal is in the way"},
	{400, 400, true, "usher asks for what this version of Jamf Pro does not allow; compare their versions"},
	{401, 401, false, "Jamf Pro does not take an access token that it has just given; it may be restarting"},
	{403, 403, true, "give the role of the API client %s"},
	{404, 404, true, "check delivery.api.url; this version of Jamf Pro may be too old"},
	{407, 407, false, "the proxy wants a sign-in; let it pass this server without one"},
	{408, 408, false, "the server is busy"},
	{409, 409, false, "somebody else changed the same object at that moment"},
	{425, 425, false, "the server is busy"},
	{429, 429, false, "Jamf Pro asks to be called less often"},
	{400, 499, true, "check delivery.api.url and the version of Jamf Pro"},
	{500, 599, false, "Jamf Pro has trouble or is under maintenance"},
}

// notJSON is the verdict for an answer that did not come from the API, with any status.
var notJSON = verdict{advice: "maintenance page or captive portal?"}

// badClient is the verdict for a client that is not accepted. Older servers answer 401; later ones answer 400, as RFC
// 6749 section 5.2 requires.
var badClient = verdict{permanent: true,
	advice: "check that the API client is enabled, and delivery.api.client_id and delivery.api.client_secret_file"}

// ofGateway holds the verdicts for answers of the gateway of Jamf's Platform API, by its codes [PLATFORM]. The gateway
// sends these before it asks a Jamf Pro.
var ofGateway = map[string]verdict{
	"REQUEST_CONTEXT_NOT_PROVIDED": {permanent: true,
		advice: "set delivery.api.environment_id or delivery.api.tenant_id, whichever the API " +
			"integration was made for"},
	"INVALID_REQUEST_CONTEXT_TYPE": {permanent: true,
		advice: "the API integration is of another level: set the other one of delivery.api.environment_id and " +
			"delivery.api.tenant_id"},
	"OWNERSHIP_FORBIDDEN": {permanent: true,
		advice: "the API integration is of another level or organization: set the delivery.api.environment_id or " +
			"delivery.api.tenant_id that it was made for"},
	"TENANT_NOT_FOUND": {permanent: true,
		advice: "there is no Jamf Pro behind delivery.api.environment_id or delivery.api.tenant_id"},
}

// other is the verdict for a status that does not exist.
var other = verdict{advice: "check delivery.api.url"}

// isOfGateway reports whether the gateway judged the call, not the Jamf Pro behind it.
func (e *APIError) isOfGateway() bool {
	return slices.ContainsFunc(e.Errors, func(said ServerError) bool { _, known := ofGateway[said.Code]; return known })
}

func (e *APIError) verdict() verdict {
	redirected := e.Status >= 300 && e.Status <= 399
	if e.NotJSON && !redirected {
		return notJSON
	}
	if e.aboutClient && (e.Status == http.StatusBadRequest || e.Status == http.StatusUnauthorized) {
		return badClient
	}
	if e.Gateway {
		for _, said := range e.Errors {
			if one, known := ofGateway[said.Code]; known {
				return one
			}
		}
	}
	for _, one := range verdicts {
		if one.first <= e.Status && e.Status <= one.last {
			return one
		}
	}
	return other
}

// Permanent reports whether trying again is useless until somebody changes something.
func (e *APIError) Permanent() bool { return e.verdict().permanent }

func (e *APIError) advice() string {
	advice := e.verdict().advice
	if strings.Contains(advice, "%s") {
		if e.Gateway {
			return fmt.Sprintf("give the API integration in Jamf Account the permission that Jamf's map of "+
				"permissions names for the privilege %q", e.Privilege)
		}
		privilege := "its privileges"
		if e.Privilege != "" {
			privilege = fmt.Sprintf("the privilege %q", e.Privilege)
		}
		return fmt.Sprintf(advice, privilege)
	}
	return advice
}

// pastDate is how far in the past a date of Retry-After may be. A server may answer slowly, or its clock may differ.
const pastDate = 24 * time.Hour

// laterThanAnyWait separates the two meanings of x-ratelimit-reset, whose unit is not published. From this number on,
// the value is a time since 1970, not a wait from now.
const laterThanAnyWait = 1_000_000_000

// retryAfter reads the header of that name: seconds or a date. It also reads x-ratelimit-reset, which the gateway of
// Jamf's Platform API sends [PLATFORM]. It returns 0 if neither is there. It returns [MaximumRetryAfter] for a value
// without meaning, because the server did ask for a pause.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if reset := strings.TrimSpace(header.Get("X-Ratelimit-Reset")); text == "" && reset != "" {
		if seconds, err := strconv.ParseInt(reset, 10, 64); err == nil && seconds >= laterThanAnyWait {
			return min(max(time.Unix(seconds, 0).Sub(now), 0), MaximumRetryAfter)
		}
		text = reset
	}
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, MaximumRetryAfter)
	}
	date, err := http.ParseTime(text)
	if wait := date.Sub(now); err == nil && wait >= -pastDate {
		return min(max(wait, 0), MaximumRetryAfter)
	}
	return MaximumRetryAfter
}
