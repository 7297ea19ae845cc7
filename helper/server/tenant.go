package server

import (
	"context"

	"usher.internal/helper/registration"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// Tenant is the Entra tenant that this computer belongs to, as configured.
type Tenant struct {
	ID        wpj.TenantID
	CloudHost string
}

type tenantService struct {
	usherv1.UnimplementedTenantServiceServer
	settings func() Settings
	// settingsChanged returns a channel that is closed when they are others.
	settingsChanged func() <-chan struct{}
	// draining ends when the server shuts down.
	draining context.Context
}

func (s *tenantService) GetTenant(context.Context, *usherv1.GetTenantRequest) (*usherv1.GetTenantResponse, error) {
	tenant := s.settings().Tenant
	return &usherv1.GetTenantResponse{TenantId: string(tenant.ID), CloudHost: tenant.CloudHost}, nil
}

// WatchTenant sends the tenant at once, and again after each change of the configuration that makes it another one.
func (s *tenantService) WatchTenant(_ *usherv1.WatchTenantRequest,
	stream usherv1.TenantService_WatchTenantServer) error {
	ctx := stream.Context()
	for sent := (*Tenant)(nil); ; {
		changed := s.settingsChanged() // before the settings are read: a change in between is not missed
		if tenant := s.settings().Tenant; sent == nil || *sent != tenant {
			if err := stream.Send(&usherv1.WatchTenantResponse{TenantId: string(tenant.ID),
				CloudHost: tenant.CloudHost}); err != nil {
				return err
			}
			sent = &tenant
		}
		select {
		case <-changed:
		case <-s.draining.Done():
			return registration.ErrShuttingDown
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
