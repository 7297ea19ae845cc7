package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// mountPoint is $1 of every script: the volume that the computer runs from.
const mountPoint = "/"

// policy runs the policies of a trigger, or one by its id, and returns the exit code of the first script that failed. A
// trigger that matches nothing is not an error [JSM#162][MOU#62].
func policy(ctx context.Context, m *mac, arguments []string) (int, error) {
	options, err := parsePolicyOptions(arguments)
	if err != nil {
		return 0, err
	}
	user := options.user
	if user == "" {
		user = m.UserName
	}
	var matching []Policy
	for _, one := range m.Policies {
		if options.id != 0 && one.ID == options.id || options.id == 0 && one.Event != "" && one.Event == options.event {
			matching = append(matching, one)
		}
	}
	if options.id != 0 {
		err = m.record("Checking for policy ID %d...", options.id)
	} else {
		err = m.record("Checking for policies triggered by \"%s\" for user \"%s\"...", options.event, user)
	}
	if err != nil {
		return 0, err
	}
	if code, fails := m.fails("policy"); fails {
		return code, nil
	}
	if err := m.noise(); err != nil {
		return 0, err
	}
	if signed, err := m.signed(); err != nil || !signed {
		return exitFailed, err // (?)
	}
	if len(matching) == 0 {
		if options.id != 0 {
			m.say("No policies were found for the ID %d.", options.id) // (?)
		} else {
			m.say("No policies were found for the \"%s\" trigger.", options.event)
		}
		return exitDone, nil
	}
	result := exitDone
	for _, one := range matching {
		code, err := m.execute(ctx, one, user)
		if err != nil {
			return 0, err
		}
		if result == exitDone {
			result = code
		}
	}
	return result, nil
}

// execute runs one policy. Its end and its script do not appear in jamf.log [JSM#199].
func (m *mac) execute(ctx context.Context, one Policy, user string) (int, error) {
	if err := m.record("Executing Policy %s", one.Name); err != nil {
		return 0, err
	}
	if one.Package != "" {
		if err := m.installPackage(one.Package); err != nil {
			return 0, err
		}
	}
	if one.Script == "" {
		return exitDone, nil
	}
	m.say("Running script %s...", filepath.Base(one.Script))
	ran, err := m.runScript(ctx, one.Script, append([]string{mountPoint, m.ComputerName, user}, one.Parameters...),
		outputAndError)
	if err != nil {
		return 0, fmt.Errorf("run script of policy %q: %w", one.Name, err)
	}
	m.say("Script exit code: %d", ran.exitCode)
	m.say("Script result: %s", strings.TrimSuffix(ran.output, "\n"))
	if ran.exitCode != 0 {
		m.say("Error running script: return code was %d.", ran.exitCode)
	}
	return ran.exitCode, nil
}

type policyOptions struct {
	event string
	id    int // 0: none
	user  string
}

// parsePolicyOptions reads the options of the real one, with one dash or two. Without options, it is the recurring
// check-in.
func parsePolicyOptions(arguments []string) (policyOptions, error) {
	options := policyOptions{event: "recurring check-in"}
	for i := 0; i < len(arguments); i++ {
		name := strings.TrimLeft(arguments[i], "-")
		switch name {
		case "verbose", "forceNoRecon":
			continue
		case "event", "trigger", "id", "username":
		default:
			return options, fmt.Errorf("%w: policy has no option %q", errUsage, arguments[i])
		}
		if i++; i >= len(arguments) {
			return options, fmt.Errorf("%w: -%s takes a value", errUsage, name)
		}
		switch value := arguments[i]; name {
		case "username":
			options.user = value
		case "id":
			id, err := strconv.Atoi(value)
			if err != nil || id <= 0 {
				return options, fmt.Errorf("%w: policy id %q is not a number", errUsage, value)
			}
			options.id = id
		default:
			options.event = value
		}
	}
	return options, nil
}
