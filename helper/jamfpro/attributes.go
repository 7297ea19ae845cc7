package jamfpro

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Attribute is a value for the computer extension attribute of that definition.
type Attribute struct {
	Definition
	Value string
}

// Definition is a computer extension attribute as usher wants it, of input type TEXT.
type Definition struct {
	Name string
	// DataType and Description are used where the extension attribute has to be created. The data type is by Jamf Pro's
	// name, STRING or DATE_TIME; one that exists as a STRING is written to all the same.
	DataType, Description string
}

// defined is a computer extension attribute as Jamf Pro has it.
type defined struct {
	ID                   string `json:"id,omitempty"`
	Name                 string `json:"name"`
	DataType             string `json:"dataType"`
	InputType            string `json:"inputType"`
	InventoryDisplayType string `json:"inventoryDisplayType"`
	// What an admin may have changed; nil where the server did not say it, and then it is left as it is.
	Description *string `json:"description,omitempty"`
	Enabled     *bool   `json:"enabled,omitempty"`
	createdAt   time.Time
}

// definedValue is a value with where it belongs.
type definedValue struct {
	definition defined
	value      string
}

const (
	// ClusterRefresh is within which time every server of a Jamf Cloud cluster knows of a change [DEV].
	ClusterRefresh = time.Minute
	// definitionsPerPage is more than we ask for.
	definitionsPerPage = 100
)

// SetExtensionAttributes writes the values to the record of the selected computer and creates extension attributes that
// do not exist. Writing the same again changes nothing. It blocks until the server has taken the values, or ctx ends.
//
// Errors are [*APIError], or wrap one of this package's sentinels; with [ErrUnknownDefinition] trying again after
// [ClusterRefresh] is of use whatever the [*APIError] within says.
func (c *Client) SetExtensionAttributes(ctx context.Context, which Selector, attributes []Attribute) error {
	end, err := c.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	computer, err := c.findComputer(ctx, which)
	if err != nil {
		return err
	}
	remembered := len(c.definitions) > 0
	err = c.setAttributes(ctx, which, computer, attributes)
	if remembered && errors.Is(err, errRejected) {
		// What we remembered may be of a definition that was deleted or moved to another section since.
		err = c.setAttributes(ctx, which, computer, attributes)
	}
	return err
}

// errRejected: Jamf Pro did not like the values or their definitions.
var errRejected = errors.New("rejected")

// setAttributes writes the values. When they are rejected, no definition is remembered any more. Of attributes some of
// which cannot be written, the others are, before the error says which.
func (c *Client) setAttributes(ctx context.Context, which Selector, computer Computer, attributes []Attribute) error {
	values, unusable, err := c.define(ctx, attributes)
	if err != nil || len(values) == 0 {
		return cmp.Or(err, unusable)
	}
	err = c.updateComputer(ctx, which, computer, values)
	refused, ok := errors.AsType[*APIError](err)
	if !ok || refused.Status != http.StatusBadRequest {
		return cmp.Or(err, unusable)
	}
	c.definitions = nil
	recently := c.now().Add(-2 * ClusterRefresh)
	created := slices.ContainsFunc(values,
		func(one definedValue) bool { return one.definition.createdAt.After(recently) })
	if created || refused.mentions("definition") {
		err = fmt.Errorf("%w: %w", ErrUnknownDefinition, err)
	}
	return rejection{err}
}

// rejection marks an error as [errRejected] and leaves its text alone.
type rejection struct{ error }

func (r rejection) Unwrap() []error { return []error{errRejected, r.error} }

// define finds the definition of each attribute, from memory, from the server, or by creating it. Unusable says of the
// first that is left out why.
func (c *Client) define(ctx context.Context, attributes []Attribute) (values []definedValue, unusable, err error) {
	known := func(name string) bool { _, ok := c.definitions[name]; return ok }
	var missing []string
	for _, one := range attributes {
		if !known(one.Name) {
			missing = append(missing, one.Name)
		}
	}
	if len(missing) > 0 {
		if err := c.lookUpDefinitions(ctx, missing); err != nil {
			return nil, nil, err
		}
	}
	for _, one := range attributes {
		if !known(one.Name) {
			_, err := c.createDefinition(ctx, one.Definition)
			if errors.Is(err, ErrAttributeMissing) {
				unusable = cmp.Or(unusable, err)
				continue
			}
			if err != nil {
				return nil, nil, err
			}
		}
		found := c.definitions[one.Name]
		if err := found.writable(one.DataType); err != nil {
			// Nothing is remembered of it, so that it is seen when an admin has changed it.
			delete(c.definitions, one.Name)
			unusable = cmp.Or(unusable, err)
			continue
		}
		values = append(values, definedValue{found, one.Value})
	}
	return values, unusable, nil
}

// dataTypeString is Jamf Pro's name for the data type that takes any text.
const dataTypeString = "STRING"

// writable returns an error when values of a data type cannot be set through the API [SPEC].
func (d defined) writable(dataType string) error {
	switch {
	case d.InputType == "SCRIPT":
		return fmt.Errorf("%w: %q has the input type SCRIPT, whose value the next jamf recon overwrites; delete it "+
			"or make it a text field, or set delivery.mode to recon", ErrAttributeNotWritable, d.Name)
	case d.InputType == "POPUP":
		return fmt.Errorf("%w: %q is a pop-up menu, which takes its own choices only; make it a text field",
			ErrAttributeNotWritable, d.Name)
	case d.InputType != "TEXT" && d.InputType != "":
		return fmt.Errorf("%w: %q has the input type %s, which the API cannot write; make it a text field",
			ErrAttributeNotWritable, d.Name, hideIn(d.InputType, nil))
	case d.DataType != dataType && d.DataType != dataTypeString && d.DataType != "":
		return fmt.Errorf("%w: %q has the data type %s, and its values are of %s; change it in Jamf Pro, or with "+
			"`usherctl jamf provision --migrate`",
			ErrAttributeNotWritable, d.Name, hideIn(d.DataType, nil), dataType)
	}
	return nil
}

// lookUpDefinitions asks the server for the definitions of these names and remembers what it has.
func (c *Client) lookUpDefinitions(ctx context.Context, names []string) error {
	var quoted []string
	for _, name := range names {
		quoted = append(quoted, quoteRSQL(name))
	}
	var answer struct {
		Results []defined `json:"results"`
	}
	err := c.ask(ctx, callFindAttributes, request{query: url.Values{
		"filter":    {"name=in=(" + strings.Join(quoted, ",") + ")"},
		"page":      {"0"},
		"page-size": {strconv.Itoa(definitionsPerPage)},
	}}, &answer)
	if err != nil {
		return err
	}
	if c.definitions == nil {
		c.definitions = map[string]defined{}
	}
	for _, found := range answer.Results {
		if found.ID != "" && slices.Contains(names, found.Name) {
			c.definitions[found.Name] = found
		}
	}
	return nil
}

// createDefinition creates the extension attribute of that name and remembers it. Created is false when it turns out
// that somebody else was faster.
func (c *Client) createDefinition(ctx context.Context, wanted Definition) (created bool, err error) {
	var answer struct {
		ID string `json:"id"`
	}
	made := defined{
		Name: wanted.Name, Description: &wanted.Description, DataType: wanted.DataType, Enabled: new(true),
		InputType:            "TEXT",
		InventoryDisplayType: "EXTENSION_ATTRIBUTES", createdAt: c.now(),
	}
	err = c.ask(ctx, callCreateAttributes, request{body: made}, &answer)
	if refused, ok := errors.AsType[*APIError](err); ok {
		switch refused.Status {
		case http.StatusForbidden:
			return false, fmt.Errorf("%w: %q; create it as a text field, or let usher: %w", ErrAttributeMissing,
				wanted.Name, err)
		case http.StatusBadRequest:
			// Another Mac of the fleet may have been faster.
			if again := c.lookUpDefinitions(ctx, []string{wanted.Name}); again == nil {
				if _, there := c.definitions[wanted.Name]; there {
					return false, nil
				}
			}
			if refused.mentions("duplicate") || refused.mentions("already") || refused.mentions("unique") {
				return false, fmt.Errorf("%w: %w", ErrUnknownDefinition, err)
			}
		}
	}
	if err != nil {
		return false, err
	}
	if answer.ID == "" {
		return false, c.server.malformed(callCreateAttributes, errors.New("answered without an id"))
	}
	c.log.Info("created an extension attribute in Jamf Pro", "name", wanted.Name, "definition_id", answer.ID)
	made.ID = answer.ID
	c.definitions[wanted.Name] = made
	return true, nil
}
