//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

const tenant = "8d6b9a52-2b7e-4f0c-9d6b-0f2f7c1f6a11"

// decode reads the first object that a usherctl command printed.
func decode[T any](text string) T {
	var envelope struct{ Data T }
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&envelope); err != nil {
		panic(failure{fmt.Errorf("decode %q: %w", text, err)})
	}
	return envelope.Data
}

// service is what `usherctl service status` reports about one service.
type service struct {
	Name, User string
	Running    bool
	PID        int
}

// services returns the process of each service by its name, with agents as usher-agent/USER; 0 is not running.
func (c *computer) services() map[string]int {
	result, err := run(c.ctx, "usherctl", "service", "status", "--json")
	c.must(err)
	pids := map[string]int{}
	for _, one := range decode[struct{ Services []service }](result.stdout).Services {
		name := one.Name
		if one.User != "" {
			name += "/" + one.User
		}
		pids[name] = one.PID
	}
	return pids
}

// status is the part of `usherctl status` that the story uses.
type status struct {
	Helper struct{ Version string }
	Users  []struct {
		User struct{ Name string }
		// Session is set while an agent is connected.
		Session *struct {
			AgentVersion string `json:"agent_version"`
			AgentPID     int    `json:"agent_pid"`
		}
		Identity struct{ State string }
	}
}

// status asks usherd; the exit code reflects the users' states and is ignored.
func (c *computer) status() status {
	result, err := run(c.ctx, "usherctl", "status", "--json")
	c.must(err)
	return decode[status](result.stdout)
}

// agentVersion is the version of a person's connected agent; empty without one.
func (c *computer) agentVersion(name string) string {
	for _, one := range c.status().Users {
		if one.User.Name == name && one.Session != nil {
			return one.Session.AgentVersion
		}
	}
	return ""
}

// registration is a person's newest one.
type registration struct {
	ID            string
	State         string
	FailureReason string `json:"failure_reason"`
	DeliveryState string `json:"delivery_state"`
}

func (c *computer) registration(name string) registration {
	all := data[struct{ Registrations []registration }](c, 0, "registrations", "list", "--user", name, "--limit",
		"1").Registrations
	c.want(len(all) == 1, "%s has %d registrations", name, len(all))
	all[0].State = strings.TrimPrefix(all[0].State, "REGISTRATION_STATE_")
	return all[0]
}

// comesTo waits until a person's newest registration reaches a state.
func (c *computer) comesTo(name, state string) registration {
	var last registration
	c.eventually("the registration of "+name+" is "+state, func() bool {
		last = c.registration(name)
		return last.State == state
	})
	return last
}

// connected waits until the persons' agents of that version are connected.
func (c *computer) connected(version string, names ...string) {
	for _, name := range names {
		c.eventually("agent "+version+" of "+name+" is connected",
			func() bool { return c.agentVersion(name) == version })
	}
}
