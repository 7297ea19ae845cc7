package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"usher.internal/sim/jamfpro"
)

// recon collects inventory and sends it to Jamf Pro. The scripts of extension attributes run one after another. It
// waits for a recon that runs already.
func recon(ctx context.Context, m *mac, arguments []string) (int, error) {
	for _, argument := range arguments {
		if strings.TrimLeft(argument, "-") != "verbose" {
			return 0, fmt.Errorf("%w: recon has no option %q", errUsage, argument)
		}
	}
	if code, fails := m.fails("recon"); fails {
		return code, nil
	}
	if signed, err := m.signed(); err != nil || !signed {
		return exitFailed, err // (?)
	}
	lock, err := m.lockRecon()
	if err != nil {
		return 0, err
	}
	defer lock.Close()
	m.say("Retrieving inventory preferences from %s/...", m.Server)
	m.say("Finding extension attributes...")
	attributes, err := m.extensionAttributes()
	if err != nil {
		return 0, err
	}
	inventory := jamfpro.Inventory{UDID: m.UDID, Name: m.ComputerName}
	for _, attribute := range attributes {
		value, err := m.attributeValue(ctx, attribute)
		if err != nil {
			return 0, fmt.Errorf("run extension attribute %q: %w", attribute.Name, err)
		}
		inventory.ExtensionAttributes = append(inventory.ExtensionAttributes,
			jamfpro.InventoryResult{Name: attribute.Name, Value: value})
	}
	m.say("Gathering application usage information...")
	time.Sleep(time.Duration(m.ReconDelay))
	m.say("Submitting data to %s/...", m.Server)
	id, err := m.submit(ctx, inventory)
	if err != nil {
		return exitFailed, m.log("Error running recon: %s", m.complain(err))
	}
	m.say("<computer_id>%s</computer_id>", id)
	return exitDone, nil
}

// attributeValue runs the script of an extension attribute and returns the text between <result> and </result> in its
// standard output. The result is empty without them, and the exit code is ignored.
func (m *mac) attributeValue(ctx context.Context, attribute ExtensionAttribute) (string, error) {
	ran, err := m.runScript(ctx, attribute.Script, []string{mountPoint, m.ComputerName, m.UserName}, outputOnly)
	if err != nil {
		return "", err
	}
	_, after, _ := strings.Cut(ran.output, "<result>")
	value, _, closed := strings.Cut(after, "</result>")
	if !closed {
		return "", nil
	}
	return value, nil
}

// errAnswer: the server's answer is wrong; the text says how.
var errAnswer = errors.New("unexpected answer")

// submit sends the inventory and returns the id of the computer's record.
func (m *mac) submit(ctx context.Context, inventory jamfpro.Inventory) (string, error) {
	body, err := json.Marshal(inventory)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(m.RequestTimeout))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(m.Server, "/")+"/sim/inventory",
		bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	// The process makes only one request; proxies of the environment do not apply to a server on loopback.
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%w: status %d", errAnswer, response.StatusCode)
	}
	var answer jamfpro.InventoryAnswer
	if err := json.Unmarshal(content, &answer); err != nil || answer.ID == "" {
		return "", fmt.Errorf("%w: not what Jamf Pro answers", errAnswer)
	}
	return answer.ID, nil
}

// complain writes to standard output why the inventory was not submitted, and returns the text for jamf.log.
func (m *mac) complain(err error) string {
	reason := fmt.Sprintf("Connection failure: %q", connectionFailure(err))
	if errors.Is(err, errAnswer) {
		reason = err.Error() // (?)
	}
	m.say("\nThere was an error.\n\n\t%s\n", reason)
	return reason
}

// connectionFailure returns macOS's words for an error of the network.
func connectionFailure(err error) string {
	switch network, ok := errors.AsType[net.Error](err); {
	case errors.Is(err, context.DeadlineExceeded), ok && network.Timeout():
		return "The request timed out."
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "The network connection was lost."
	default:
		return "Could not connect to the server."
	}
}
