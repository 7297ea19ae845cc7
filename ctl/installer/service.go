package installer

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/ask"
	"usher.internal/ctl/usage"
	"usher.internal/internal/config"
	"usher.internal/launchd"
)

// Service returns `usherctl service`.
func Service(client *ask.Client) *cobra.Command {
	c := commands{client}
	return usage.Group("service", "Show the state of usher's services", c.serviceStatusCommand())
}

func (c commands) serviceStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show what launchd or systemd says of usherd and of each usher-agent",
		Long: `Show what launchd or systemd says of usherd, and of the usher-agent of everybody who is logged in. It
does not ask usherd, so it also shows why usherd does not run. The exit code is 0 if all run, and 3 otherwise.
Root sees every user's agent.`,
		Example: "  " + config.Sudo("service status"),
		Args:    cobra.NoArgs,
		RunE:    func(command *cobra.Command, _ []string) error { return c.serviceStatus(command) },
	}
}

func (c commands) serviceStatus(command *cobra.Command) error {
	layout, err := c.layout()
	if err != nil {
		return err
	}
	settings, err := c.installerConfig(layout)
	if err != nil {
		return err
	}
	services, err := launchd.New(settings).Status(command.Context())
	if err != nil {
		return answer.Defect(err)
	}
	if c.JSON {
		err = c.Print(map[string]any{"services": services})
	} else {
		c.printServices(services)
	}
	if err != nil {
		return err
	}
	for _, service := range services {
		if !service.Running && service.Problem == "" {
			return &answer.Failure{Code: answer.ExitNoHelper, Reason: "NOT_RUNNING"}
		}
	}
	return nil
}

func (c commands) printServices(services []launchd.Service) {
	var rows [][]string
	for _, service := range services {
		state, pid := "not installed", "-"
		switch {
		case service.Problem != "":
			state = "unknown: " + service.Problem
		case service.Running:
			state, pid = "running", strconv.Itoa(service.PID)
		case service.LastExit != "":
			state = fmt.Sprintf("not running, ended last with %s", service.LastExit)
		case service.Installed:
			state = "not running"
		}
		user := service.User
		if user == "" {
			user = "-"
		}
		rows = append(rows, []string{service.Name, user, pid, state})
	}
	c.Table([]string{"SERVICE", "USER", "PID", "STATE"}, rows)
}
