package server

import (
	"context"

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
}

func (s *tenantService) GetTenant(context.Context, *usherv1.GetTenantRequest) (*usherv1.GetTenantResponse, error) {
	tenant := s.settings().Tenant
	return &usherv1.GetTenantResponse{TenantId: string(tenant.ID), CloudHost: tenant.CloudHost}, nil
}
