package jamfpro

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"usher.internal/internal/version"
)

// maximumAnswer bounds the body of an answer, in bytes.
const maximumAnswer = 1 << 20

// call is one call of the API.
type call struct {
	operation string
	method    string
	// path is below the server's URL; {root}, {generation} and {id} are replaced.
	path string
	// privilege is what the role of the API client needs for it, as Jamf Pro spells it.
	privilege string
	// success is the status of its answer.
	success int
}

// The calls, with their privileges [SPEC].
var (
	callVersion = call{"read the version of Jamf Pro", http.MethodGet, "{root}/v1/jamf-pro-version", "",
		http.StatusOK}
	callFindComputer = call{"find this computer", http.MethodGet, "{root}/{generation}/computers-inventory",
		"Read Computers", http.StatusOK}
	callUpdateComputer = call{"update this computer", http.MethodPatch,
		"{root}/{generation}/computers-inventory-detail/{id}", "Update Computers",
		http.StatusNoContent}
	callFindAttributes = call{"find the extension attributes", http.MethodGet,
		"{root}/v1/computer-extension-attributes",
		"Read Computer Extension Attributes", http.StatusOK}
	callCreateAttributes = call{"create an extension attribute", http.MethodPost,
		"{root}/v1/computer-extension-attributes",
		"Create Computer Extension Attributes", http.StatusCreated}
	callMigrateAttributes = call{"change the data type of an extension attribute", http.MethodPut,
		"{root}/v1/computer-extension-attributes/{id}",
		"Update Computer Extension Attributes", http.StatusOK}
	callCompliance = call{"read the device compliance", http.MethodGet,
		"{root}/v1/conditional-access/device-compliance-information/computer/{id}",
		"Read Device Compliance Information", http.StatusOK}
)

// request is the input of a call.
type request struct {
	id    string
	query url.Values
	// body is sent as JSON, form as a form; at most one of them is set.
	body any
	form url.Values
	// sensitive are the texts that must not appear in an error.
	sensitive []string
}

// ask makes an authorized call and decodes its answer into answer, which may be nil. A refused token is replaced once:
// the server decides its lifetime, and it may be revoked at any time.
func (c *Client) ask(ctx context.Context, which call, asked request, answer any) error {
	for fresh := false; ; fresh = true {
		token, err := c.accessToken(ctx)
		if err != nil {
			return err
		}
		err = c.exchange(ctx, which, asked, token, answer)
		if refused, ok := errors.AsType[*APIError](err); fresh || !ok || refused.Status != http.StatusUnauthorized {
			return err
		}
		c.log.Debug("Jamf Pro refused the access token, getting a new one", "method", which.method, "path",
			c.server.path(which))
		c.token = token0
	}
}

// exchange makes one HTTP call. Its errors are [*APIError].
func (c *Client) exchange(ctx context.Context, which call, asked request, token sealed, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, c.callTimeout)
	defer cancel()
	sensitive := append([]string{token.open()}, asked.sensitive...)
	failure := c.server.failure(which)
	httpRequest, err := c.newRequest(ctx, which, asked, token)
	if err != nil {
		failure.Err = hideInError(err, sensitive)
		return failure
	}
	began := time.Now()
	response, err := c.http.Do(httpRequest)
	if err != nil {
		// The URL in that error contains the query.
		if urlError, ok := errors.AsType[*url.Error](err); ok {
			err = urlError.Err
		}
		failure.Err = hideInError(err, sensitive)
		return failure
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maximumAnswer+1))
	if err != nil {
		failure.Err = hideInError(fmt.Errorf("read the answer: %w", err), sensitive)
		return failure
	}
	c.log.Debug("called Jamf Pro", "method", which.method, "path", c.server.path(which), "status", response.StatusCode,
		"took", time.Since(began))
	return c.judge(failure, which, response, body, sensitive, answer)
}

func (c *Client) newRequest(ctx context.Context, which call, asked request, token sealed) (*http.Request, error) {
	if strings.Trim(asked.id, "0123456789") != "" { // checked at its source, see checkID
		return nil, ErrNotAnID
	}
	target := c.server.base.JoinPath(strings.ReplaceAll(c.server.path(which), "{id}", url.PathEscape(asked.id)))
	target.RawQuery = asked.query.Encode()
	var body io.Reader
	contentType := ""
	switch {
	case asked.form != nil:
		body, contentType = strings.NewReader(asked.form.Encode()), "application/x-www-form-urlencoded"
	case asked.body != nil:
		encoded, err := json.Marshal(asked.body)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		body, contentType = bytes.NewReader(encoded), "application/json"
	}
	httpRequest, err := http.NewRequestWithContext(ctx, which.method, target.String(), body)
	if err != nil {
		return nil, err
	}
	httpRequest.Header.Set("Accept", "application/json")
	httpRequest.Header.Set("User-Agent", "usher/"+version.String())
	if c.server.scope != "" {
		httpRequest.Header.Set(c.server.scope, c.server.scopeID)
	}
	if contentType != "" {
		httpRequest.Header.Set("Content-Type", contentType)
	}
	if text := token.open(); text != "" {
		httpRequest.Header.Set("Authorization", "Bearer "+text)
	}
	return httpRequest, nil
}

// judge decodes the answer, or completes failure from it. It looks at the content type before it parses anything. Load
// balancers, maintenance windows and captive portals answer in HTML, and not always with an error status.
func (c *Client) judge(failure *APIError, which call, response *http.Response, body []byte, sensitive []string,
	answer any) error {
	mediaType, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	isJSON := mediaType == "application/json" || strings.HasSuffix(mediaType, "+json")
	empty := len(bytes.TrimSpace(body)) == 0

	failure.Status = response.StatusCode
	failure.ContentType = hideIn(mediaType, sensitive)
	failure.RetryAfter = retryAfter(response.Header, c.now())
	switch {
	case response.StatusCode == which.success && answer == nil && empty:
		return nil
	case !empty && !isJSON:
		failure.NotJSON = true
		failure.RedirectedTo = redirectedTo(response, sensitive)
		return failure
	case len(body) > maximumAnswer:
		failure.NotJSON, failure.Err = true, fmt.Errorf("answered with more than %d bytes", maximumAnswer)
		return failure
	case response.StatusCode == which.success && answer == nil:
		return nil
	case response.StatusCode == which.success:
		if err := json.Unmarshal(body, answer); err != nil {
			// The error of package json may quote the answer, and the answer contains the token.
			failure.NotJSON, failure.Err = true, errors.New("answered in malformed JSON")
			return failure
		}
		return nil
	}
	failure.RedirectedTo = redirectedTo(response, sensitive)
	var said struct {
		Errors []ServerError `json:"errors"`
		// OAuth's own form of an error, RFC 6749 section 5.2.
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &said) == nil {
		if said.Error != "" {
			said.Errors = append(said.Errors, ServerError{Code: said.Error, Description: said.Description})
		}
		for _, one := range said.Errors[:min(len(said.Errors), 3)] {
			failure.Errors = append(failure.Errors, ServerError{
				Code: hideIn(one.Code, sensitive), Field: hideIn(one.Field, sensitive),
				Description: hideIn(one.Description, sensitive),
			})
		}
	}
	return failure
}

func redirectedTo(response *http.Response, sensitive []string) string {
	if response.StatusCode < 300 || response.StatusCode > 399 {
		return ""
	}
	location, err := response.Location()
	if err != nil {
		return ""
	}
	return hideIn(location.Host, sensitive)
}
