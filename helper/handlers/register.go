package handlers

import (
	"log/slog"

	"google.golang.org/grpc"

	"usher.internal/helper/delivery"
	"usher.internal/internal/config"
	usherv1 "usher.internal/proto/usher/v1"
)

// Config is the parts of usherd that the handlers use.
type Config struct {
	Registrations Registrations
	Sessions      Sessions
	Observations  Observations
	Status        Status
	Outbox        Outbox
	Forgetter     Forgetter
	JamfPro       JamfPro
	Doctor        Doctor
	Clean         Cleaner
	SupportLogs   SupportLogs
	Configuration Configuration
	Logger        *slog.Logger
}

// Configuration is the current configuration; a [config.Live] is one.
type Configuration interface {
	Current() *config.Loaded
	// Changed returns a channel that is closed when the configuration in force changes.
	Changed() <-chan struct{}
}

// Register registers every service of usher.
func Register(to grpc.ServiceRegistrar, config Config) {
	examinations := newExaminations()
	usherv1.RegisterRegistrationServiceServer(to,
		&registrationService{registrations: config.Registrations, foremost: config.Sessions})
	usherv1.RegisterStatusServiceServer(to, &statusService{status: config.Status})
	usherv1.RegisterUserServiceServer(to,
		&userService{forgetter: config.Forgetter, status: config.Status, log: config.Logger})
	usherv1.RegisterTenantServiceServer(to, &tenantService{configuration: config.Configuration})
	usherv1.RegisterDeliveryServiceServer(to,
		&deliveryService{outbox: config.Outbox, configuration: config.Configuration})
	usherv1.RegisterJamfProServiceServer(to,
		&jamfProService{jamfPro: config.JamfPro, wanted: delivery.Definitions(), log: config.Logger})
	usherv1.RegisterCleanServiceServer(to, &cleanService{cleaner: config.Clean, foremost: config.Sessions})
	usherv1.RegisterDoctorServiceServer(to, &doctorService{doctor: config.Doctor, examinations: examinations})
	usherv1.RegisterSupportServiceServer(to, &supportService{
		logs: config.SupportLogs, registrations: config.Registrations, status: config.Status, doctor: config.Doctor,
		examinations: examinations, cleaner: config.Clean, sessions: config.Sessions,
		observations: config.Observations, configuration: config.Configuration,
	})
}
