package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"usher.internal/helper/jamfpro"
)

// jamfPro asks Jamf Pro once for all of its checks, and once for all examinations at the same time.
type jamfPro struct {
	client JamfPro
	shared *shared
	// begun is when the examination began: an earlier answer is not used.
	begun time.Time
}

var errNoToken = errors.New("without a token nothing can be tried")

// ask returns the result of the client.
func (j jamfPro) ask(ctx context.Context) (jamfpro.Checked, error) {
	checked, err := j.shared.do(ctx, "Jamf Pro", j.begun, func(ctx context.Context) (any, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, jamfProWithin,
			fmt.Errorf("there was no answer within %s", jamfProWithin))
		defer cancel()
		return j.client.CheckPrivileges(ctx)
	})
	if err != nil {
		return jamfpro.Checked{}, err
	}
	return checked.(jamfpro.Checked), nil
}

// unused reports whether results go to Jamf Pro in another way, or Jamf Pro is not configured.
func (j jamfPro) unused(ctx context.Context) (Outcome, bool) {
	if j.client == nil {
		return notApplicable("Results are delivered by recon, which needs no API client."), true
	}
	if _, err := j.ask(ctx); errors.Is(err, jamfpro.ErrNotConfigured) {
		return notApplicable("No API client is configured."), true
	}
	return Outcome{}, false
}

// answered reports whether an error is Jamf Pro's own answer. Jamf Pro has been reached then.
func answered(err error) bool {
	answer, ok := errors.AsType[*jamfpro.APIError](err)
	return ok && answer.Status != 0 && !answer.NotJSON && errors.Is(err, jamfpro.ErrRefused)
}

func (j jamfPro) reachable(ctx context.Context) (Outcome, error) {
	if found, unused := j.unused(ctx); unused {
		return found, nil
	}
	checked, err := j.ask(ctx)
	switch {
	case err == nil && checked.Problem != "":
		return failed("%s.", said(checked.Problem)), nil
	case err == nil && jamfpro.HasAuthenticationBypass(checked.Version):
		return warning("%s answers; it is Jamf Pro %s, which has a published authentication bypass (CVE-2026-1290): "+
			"upgrade it to 11.25 or later.",
			checked.Server, checked.Version), nil
	case err == nil && checked.Version != "":
		return ok("%s answers; it is Jamf Pro %s.", checked.Server, checked.Version), nil
	case err == nil:
		return ok("%s answers.", checked.Server), nil
	case answered(err):
		answer, _ := errors.AsType[*jamfpro.APIError](err)
		return ok("%s answers.", answer.Host), nil
	case errors.Is(err, jamfpro.ErrUnreachable), errors.Is(err, jamfpro.ErrRefused):
		return failed("%s.", said(err.Error())), nil
	}
	return Outcome{}, err
}

func (j jamfPro) token(ctx context.Context) (Outcome, error) {
	if found, unused := j.unused(ctx); unused {
		return found, nil
	}
	checked, err := j.ask(ctx)
	switch {
	case err == nil:
		return ok("%s gave one.", checked.Server), nil
	case answered(err), errors.Is(err, jamfpro.ErrSecretFile):
		return failed("%s.", said(err.Error())), nil
	case errors.Is(err, jamfpro.ErrUnreachable), errors.Is(err, jamfpro.ErrRefused):
		return Outcome{}, errors.New("no answer from Jamf Pro")
	}
	return Outcome{}, err
}

// privileges returns one outcome for each privilege.
func (j jamfPro) privileges(ctx context.Context) ([]Outcome, error) {
	if found, unused := j.unused(ctx); unused {
		return []Outcome{found}, nil
	}
	checked, err := j.ask(ctx)
	if err != nil {
		return nil, errNoToken
	}
	var found []Outcome
	for _, privilege := range checked.Privileges {
		one := judgePrivilege(privilege)
		one.Name, one.Title = "jamf-pro-privilege-"+kebab(privilege.Name),
			"The API client has the privilege "+privilege.Name
		found = append(found, one)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: the client reports no privileges", errNoToken)
	}
	return found, nil
}

func judgePrivilege(privilege jamfpro.CheckedPrivilege) Outcome {
	use := fmt.Sprintf("It is needed to %s", privilege.Purpose)
	switch {
	case privilege.Problem != "":
		return warning("%s; whether Jamf Pro allows it is not known: %s.", use, said(privilege.Problem))
	case privilege.Granted == nil:
		return notApplicable("%s; it cannot be tried without changing something, but the next delivery shows it.", use)
	case *privilege.Granted:
		return ok("%s.", use)
	case privilege.Required:
		return failed("%s, but Jamf Pro refuses it.", use)
	}
	return warning("%s, but Jamf Pro refuses it; usher can work without it.", use)
}
