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

// Attribute is a value for the computer extension attribute of the given definition.
type Attribute struct {
	Definition
	Value string
}

// Definition is a computer extension attribute as usher wants it, of input type TEXT.
type Definition struct {
	Name string
	// DataType and Description are used when the extension attribute has to be created. The data type has Jamf Pro's
	// name, STRING or DATE_TIME. An attribute that exists as a STRING is written to all the same.
	DataType, Description string
}

// defined is a computer extension attribute as Jamf Pro reports it.
type defined struct {
	ID                   string `json:"id,omitempty"`
	Name                 string `json:"name"`
	DataType             string `json:"dataType"`
	InputType            string `json:"inputType"`
	InventoryDisplayType string `json:"inventoryDisplayType"`
	// An admin may have changed these. They are nil if the server did not send them, and then they are left as they
	// are.
	Description *string `json:"description,omitempty"`
	Enabled     *bool   `json:"enabled,omitempty"`
	createdAt   time.Time
}

// definedValue is a value and the section of the record that it belongs to.
type definedValue struct {
	definition defined
	value      string
}

const (
	// ClusterRefresh is the time within which every server of a Jamf Cloud cluster knows of a change [DEV].
	ClusterRefresh = time.Minute
	// definitionsPerPage is larger than the number of definitions that we ask for.
	definitionsPerPage = 100
)

// SetExtensionAttributes writes the values to the record of the selected computer. It creates extension attributes that
// do not exist. Writing the same values again changes nothing. It blocks until the server has taken the values, or ctx
// ends.
//
// Errors are [*APIError], or wrap one of this package's sentinels. With [ErrUnknownDefinition], trying again after
// [ClusterRefresh] can help, whatever the wrapped [*APIError] says.
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
		// A remembered definition may have been deleted, or moved to another section.
		err = c.setAttributes(ctx, which, computer, attributes)
	}
	return err
}

// errRejected: Jamf Pro rejected the values or their definitions.
var errRejected = errors.New("rejected")

// setAttributes writes the values. If they are rejected, it forgets all definitions. If some attributes cannot be
// written, it writes the others first; then the error names the ones that cannot.
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

// rejection marks an error as [errRejected] and does not change its text.
type rejection struct{ error }

func (r rejection) Unwrap() []error { return []error{errRejected, r.error} }

// define finds the definition of each attribute: from memory, from the server, or by creating it. unusable says why the
// first attribute is left out.
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
			// The definition is not remembered, so that an admin's change to it is noticed.
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
		return fmt.Errorf("%w: %q has the input type SCRIPT, and the next jamf recon overwrites its value; delete it "+
			"or make it a text field, or set delivery.mode to recon", ErrAttributeNotWritable, d.Name)
	case d.InputType == "POPUP":
		return fmt.Errorf("%w: %q is a pop-up menu, which accepts only its own choices; make it a text field",
			ErrAttributeNotWritable, d.Name)
	case d.InputType != "TEXT" && d.InputType != "":
		return fmt.Errorf("%w: %q has the input type %s, which the API cannot write; make it a text field",
			ErrAttributeNotWritable, d.Name, hideIn(d.InputType, nil))
	case d.DataType != dataType && d.DataType != dataTypeString && d.DataType != "":
		return fmt.Errorf("%w: %q has the data type %s, but its values are of type %s; change it in Jamf Pro, or "+
			"with `usherctl jamf provision --migrate`",
			ErrAttributeNotWritable, d.Name, hideIn(d.DataType, nil), dataType)
	}
	return nil
}

// lookUpDefinitions asks the server for the definitions of these names and remembers the answers.
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

// createDefinition creates the extension attribute of that name and remembers it. Created is false if another Mac
// created it first.
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
			// Another Mac of the fleet may have created it first.
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
