package handlers

import (
	"context"
	"log/slog"
	"time"

	"usher.internal/helper/gate"
	"usher.internal/helper/jamfpro"
	usherv1 "usher.internal/proto/usher/v1"
)

// jamfProWithin is the time limit for one call of this service, with all the calls to Jamf Pro that it causes.
const jamfProWithin = 90 * time.Second

// JamfPro is usher's side of Jamf Pro, which the service prepares; a [jamfpro.Setup] is one.
type JamfPro interface {
	SetClientSecret(secret string) (path string, err error)
	RemoveClientSecret() (path string, removed bool, err error)
	CheckPrivileges(ctx context.Context) (jamfpro.Checked, error)
	Provision(ctx context.Context, wanted []jamfpro.Definition, how jamfpro.Provisioning) (server string,
		_ []jamfpro.Provisioned, _ error)
}

type jamfProService struct {
	usherv1.UnsafeJamfProServiceServer
	jamfPro JamfPro
	wanted  []jamfpro.Definition
	log     *slog.Logger
}

// SetClientSecret and RemoveClientSecret write a line to the log: an admin may later ask who put credentials on a Mac.

func (s *jamfProService) SetClientSecret(ctx context.Context,
	request *usherv1.SetClientSecretRequest) (*usherv1.SetClientSecretResponse, error) {
	path, err := s.jamfPro.SetClientSecret(request.GetClientSecret())
	if err != nil {
		return nil, err
	}
	s.log.Info("client secret of Jamf Pro's API was set", "path", path, "uid", gate.ActorFrom(ctx).UID())
	return &usherv1.SetClientSecretResponse{Path: path}, nil
}

func (s *jamfProService) RemoveClientSecret(ctx context.Context,
	_ *usherv1.RemoveClientSecretRequest) (*usherv1.RemoveClientSecretResponse, error) {
	path, removed, err := s.jamfPro.RemoveClientSecret()
	if err != nil {
		return nil, err
	}
	if removed {
		s.log.Info("client secret of Jamf Pro's API was removed", "path", path, "uid", gate.ActorFrom(ctx).UID())
	}
	return &usherv1.RemoveClientSecretResponse{Removed: removed}, nil
}

func (s *jamfProService) CheckClientSecret(ctx context.Context,
	_ *usherv1.CheckClientSecretRequest) (*usherv1.CheckClientSecretResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, jamfProWithin)
	defer cancel()
	checked, err := s.jamfPro.CheckPrivileges(ctx)
	if err != nil {
		return nil, err
	}
	response := &usherv1.CheckClientSecretResponse{Server: checked.Server, ServerVersion: checked.Version,
		InventoryVersion: checked.Inventory, VersionProblem: checked.Problem}
	for _, one := range checked.Privileges {
		response.Privileges = append(response.Privileges, &usherv1.PrivilegeCheck{
			Privilege: one.Name, Required: one.Required, Granted: one.Granted, Purpose: one.Purpose,
			Problem: one.Problem,
		})
	}
	return response, nil
}

func (s *jamfProService) ProvisionExtensionAttributes(ctx context.Context,
	request *usherv1.ProvisionExtensionAttributesRequest) (*usherv1.ProvisionExtensionAttributesResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, jamfProWithin)
	defer cancel()
	server, provisioned, err := s.jamfPro.Provision(ctx, s.wanted,
		jamfpro.Provisioning{DryRun: request.GetDryRun(), Migrate: request.GetMigrate()})
	if err != nil {
		return nil, err
	}
	response := &usherv1.ProvisionExtensionAttributesResponse{Server: server}
	for _, one := range provisioned {
		response.Attributes = append(response.Attributes, &usherv1.ProvisionedAttribute{
			Name: one.Name, Description: one.Description, Exists: one.Exists, Created: one.Created,
			Problem:  one.Problem,
			DataType: one.DataType, OtherDataType: one.OtherDataType, Migrated: one.Migrated,
		})
	}
	return response, nil
}
