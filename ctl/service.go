package ctl

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"usher.internal/ctl/answer"
	"usher.internal/internal/config"
	"usher.internal/launchd"
)

func (a *app) serviceCommand() *cobra.Command {
	return group("service", "Show how usher's services stand", a.serviceStatusCommand())
}

func (a *app) serviceStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show what launchd or systemd says of usherd and of each usher-agent",
		Long: `Show what launchd or systemd says of usherd, and of the usher-agent of everybody who is logged in. It
asks no usherd, so it tells also why one does not run. It ends with 0 when all run, and with 3 otherwise. Root
sees every user's agent.`,
		Example: "  " + config.Sudo("service status"),
		Args:    cobra.NoArgs,
		RunE:    func(command *cobra.Command, _ []string) error { return a.serviceStatus(command) },
	}
}

func (a *app) serviceStatus(command *cobra.Command) error {
	layout, err := a.layout()
	if err != nil {
		return err
	}
	settings, err := a.installerConfig(layout)
	if err != nil {
		return err
	}
	services, err := launchd.New(settings).Status(command.Context())
	if err != nil {
		return answer.Defect(err)
	}
	if a.JSON {
		err = a.Print(map[string]any{"services": services})
	} else {
		a.printServices(services)
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

func (a *app) printServices(services []launchd.Service) {
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
	a.Table([]string{"SERVICE", "USER", "PID", "STATE"}, rows)
}
