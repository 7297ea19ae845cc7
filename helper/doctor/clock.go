package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Limits for an error of the clock. Tokens and certificates are refused from about five minutes on.
const (
	offWarning  = time.Minute
	offFailed   = 5 * time.Minute
	askedWithin = 5 * time.Second
)

var errNoTime = errors.New("no endpoint reported the time")

// clock compares this computer's clock with that of a registration endpoint.
type clock struct {
	endpoints []string
	transport http.RoundTripper
}

func (c clock) right(ctx context.Context) (Outcome, error) {
	if len(c.endpoints) == 0 {
		return notApplicable("preflight.endpoints is none, so no server can be asked for the time."), nil
	}
	errs := []error{errNoTime}
	var outside *Outcome // for the first certificate that is not valid at the time of this clock
	for _, endpoint := range c.endpoints {
		off, err := c.difference(ctx, endpoint)
		if err == nil {
			return judgeClock(off, endpoint), nil
		}
		if expired, ok := errors.AsType[x509.CertificateInvalidError](err); ok && expired.Reason == x509.Expired &&
			expired.Cert != nil {
			if outside == nil {
				found := failed("At the time of this clock, %s, the certificate of %s is not valid; it is valid "+
					"from %s to %s.", stamp(time.Now()), endpoint,
					stamp(expired.Cert.NotBefore), stamp(expired.Cert.NotAfter))
				outside = &found
			}
			continue // perhaps the certificate is old: another endpoint may report the time
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	if outside != nil {
		return *outside, nil
	}
	return Outcome{}, errors.Join(errs...)
}

// difference returns how far this clock is ahead of the endpoint's, to about a second.
func (c clock) difference(ctx context.Context, endpoint string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, askedWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, "https://"+endpoint+"/", nil)
	if err != nil {
		return 0, err
	}
	// The header of any answer has the time: the transport does not follow redirects.
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return 0, fmt.Errorf("ask %s: %w", endpoint, err)
	}
	defer response.Body.Close()
	date, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return 0, fmt.Errorf("ask %s: read Date: %w", endpoint, err)
	}
	return time.Since(date), nil
}

func judgeClock(off time.Duration, endpoint string) Outcome {
	off = off.Round(time.Second)
	direction := "ahead of"
	if off < 0 {
		direction = "behind"
	}
	found := ok("The clock is %s %s that of %s.", off.Abs(), direction, endpoint)
	switch {
	case off.Abs() > offFailed:
		found.Result = Failed
	case off.Abs() > offWarning:
		found.Result = Warning
	}
	return found
}

func stamp(moment time.Time) string { return moment.UTC().Format(time.RFC3339) }
