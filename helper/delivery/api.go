package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"usher.internal/helper/jamfpro"
	"usher.internal/internal/attribute"
)

// apiTimeout bounds one delivery through the API, with all its calls.
const apiTimeout = 2 * time.Minute

// enrolmentPause is how long an unknown computer waits for its record in Jamf Pro.
const enrolmentPause = 10 * time.Minute

type apiDeliverer struct {
	client   *jamfpro.Client
	computer func(context.Context) (jamfpro.Selector, error)
	now      func() (attribute.Report, error)
}

// API returns the deliverer that writes the extension attributes of this computer's record in Jamf Pro. Like an
// inventory, it writes the state of the whole Mac at that moment, not the content of the delivered report. There is one
// record, and it never goes back in time. The function computer returns that record. It is called for each delivery,
// since a new logic board brings a new UDID. [ConfiguredComputer] makes one. The function now returns the report from
// which the attributes follow.
func API(client *jamfpro.Client, computer func(context.Context) (jamfpro.Selector, error),
	now func() (attribute.Report, error)) Deliverer {
	return &apiDeliverer{client: client, computer: computer, now: now}
}

// Definitions are the extension attributes that the api way of delivery writes.
func Definitions() []jamfpro.Definition {
	var all []jamfpro.Definition
	for _, one := range attribute.Table() {
		all = append(all, definition(one))
	}
	return all
}

func definition(of attribute.Attribute) jamfpro.Definition {
	return jamfpro.Definition{Name: of.Name, DataType: string(of.DataType), Description: of.Description}
}

// ConfiguredComputer returns the computer with that UDID. If it is empty, the hardware's UDID is used.
func ConfiguredComputer(udid string) func(context.Context) (jamfpro.Selector, error) {
	return func(ctx context.Context) (jamfpro.Selector, error) {
		if udid != "" {
			return jamfpro.Selector{UDID: udid}, nil
		}
		return jamfpro.ThisComputer(ctx)
	}
}

// Deliver implements [Deliverer].
func (d *apiDeliverer) Deliver(ctx context.Context, _ Report) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	computer, err := d.computer(ctx)
	if err != nil {
		return err
	}
	report, err := d.now()
	if err != nil {
		return fmt.Errorf("read the report for Jamf Pro: %w", err)
	}
	var values []jamfpro.Attribute
	for _, one := range attribute.Table() {
		values = append(values, jamfpro.Attribute{Definition: definition(one), Value: one.Value(report)})
	}
	return advise(d.client.SetExtensionAttributes(ctx, computer, values))
}

// advise returns whether and when to try again.
func advise(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, jamfpro.ErrUnknownDefinition) {
		return &RetryError{After: jamfpro.ClusterRefresh, Err: err}
	}
	if errors.Is(err, jamfpro.ErrComputerNotFound) {
		// The computer may be enrolling: the record appears with its first inventory.
		return &RetryError{After: enrolmentPause, Err: err}
	}
	if errors.Is(err, jamfpro.ErrAttributeNotWritable) || errors.Is(err, jamfpro.ErrVersion) {
		return &RefusedError{Err: err}
	}
	if answer, ok := errors.AsType[*jamfpro.APIError](err); ok {
		if answer.Permanent() {
			return &RefusedError{Err: err}
		}
		if answer.RetryAfter > 0 {
			return &RetryError{After: answer.RetryAfter, Err: err}
		}
	}
	return err
}
