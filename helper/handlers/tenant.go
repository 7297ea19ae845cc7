package handlers

import (
	"context"

	"google.golang.org/protobuf/proto"

	usherv1 "usher.internal/proto/usher/v1"
)

type tenantService struct {
	usherv1.UnsafeTenantServiceServer
	configuration Configuration
}

func (s *tenantService) GetTenant(context.Context, *usherv1.GetTenantRequest) (*usherv1.GetTenantResponse, error) {
	tenant := s.configuration.Current().Tenant
	return &usherv1.GetTenantResponse{TenantId: string(tenant.ID), CloudHost: tenant.CloudHost}, nil
}

// WatchTenant sends the tenant at once, and again after each change of the configuration that changes it.
func (s *tenantService) WatchTenant(_ *usherv1.WatchTenantRequest,
	stream usherv1.TenantService_WatchTenantServer) error {
	ctx := stream.Context()
	for sent := (*usherv1.WatchTenantResponse)(nil); ; {
		changed := s.configuration.Changed() // before it is read, so that a change in between is not missed
		tenant := s.configuration.Current().Tenant
		now := &usherv1.WatchTenantResponse{TenantId: string(tenant.ID), CloudHost: tenant.CloudHost}
		if !proto.Equal(sent, now) {
			if err := stream.Send(now); err != nil {
				return err
			}
			sent = now
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
