package jamfpro

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaximumRetryAfter bounds what a server may ask us to wait.
const MaximumRetryAfter = time.Hour

// verdict says of a range of answers whether trying again is of use, and what to do about it.
type verdict struct {
	first, last int
	permanent   bool
	// advice may name the privilege of the call with %s.
	advice string
}

// verdicts is walked from the top; the first range that holds the status counts. Status 0 is no answer at all.
var verdicts = []verdict{
	{0, 0, false, "check the network, the proxy and the certificate of the server"},
	{200, 299, false, "this is not what the call answers with: a proxy or captive portal may be in the way"},
	{300, 399, false, "redirects are not followed: check delivery.api.url, or a captive portal is in the way"},
	{400, 400, true, "usher asks for what this version of Jamf Pro does not allow; compare their versions"},
	{401, 401, true, "check that the API client is enabled, and delivery.api.client_id and delivery.api.client_secret_file"},
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

// notJSON is the verdict for whatever did not come from the API, whichever status it has.
var notJSON = verdict{advice: "maintenance page or captive portal?"}

// other is the verdict for a status that is none.
var other = verdict{advice: "check delivery.api.url"}

func (e *APIError) verdict() verdict {
	redirected := e.Status >= 300 && e.Status <= 399
	if e.NotJSON && !redirected {
		return notJSON
	}
	for _, one := range verdicts {
		if one.first <= e.Status && e.Status <= one.last {
			return one
		}
	}
	return other
}

// Permanent tells whether trying again is of no use before somebody has changed something.
func (e *APIError) Permanent() bool { return e.verdict().permanent }

func (e *APIError) advice() string {
	advice := e.verdict().advice
	if strings.Contains(advice, "%s") {
		privilege := "its privileges"
		if e.Privilege != "" {
			privilege = fmt.Sprintf("the privilege %q", e.Privilege)
		}
		return fmt.Sprintf(advice, privilege)
	}
	return advice
}

// pastDate is how long ago a date may be that Retry-After gives, as of a server that has answered slowly or whose clock differs.
const pastDate = 24 * time.Hour

// retryAfter reads the header of that name: seconds or a date. It returns 0 where there is none, and [MaximumRetryAfter] where it makes no
// sense: the server did ask for a pause.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
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
