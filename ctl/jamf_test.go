package ctl

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

func init() {
	for name := range jamfScenarios {
		if _, taken := scenarios[name]; !taken {
			scenarios[name] = &fakeHelper{}
		}
	}
}

// jamfProOf returns the scenario of that name, or one that nobody should ask if there is none.
func jamfProOf(name string) *fakeJamfPro {
	if scenario, known := jamfScenarios[name]; known {
		return scenario
	}
	return &fakeJamfPro{err: status.Error(codes.Unimplemented, "this helper has no Jamf Pro")}
}

// fakeJamfPro returns the given answers.
type fakeJamfPro struct {
	usherv1.UnimplementedJamfProServiceServer
	err         error
	checked     *usherv1.CheckClientSecretResponse
	provisioned *usherv1.ProvisionExtensionAttributesResponse
	removed     bool
}

// plantedSecret is the secret in the scripts; none of them may ever show it.
const plantedSecret = "s3cret-planted"

func (f *fakeJamfPro) SetClientSecret(_ context.Context,
	request *usherv1.SetClientSecretRequest) (*usherv1.SetClientSecretResponse, error) {
	if secret := request.GetClientSecret(); f.err == nil && secret != plantedSecret && secret != plantedSecret+"\n" {
		return nil, contract.Error(codes.InvalidArgument, usherv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT,
			"client secret is not allowed: it is another one", contract.Fix, "give the secret")
	}
	return &usherv1.SetClientSecretResponse{Path: "/etc/usher/secret"}, f.err
}

func (f *fakeJamfPro) CheckClientSecret(context.Context,
	*usherv1.CheckClientSecretRequest) (*usherv1.CheckClientSecretResponse, error) {
	return f.checked, f.err
}

func (f *fakeJamfPro) RemoveClientSecret(context.Context,
	*usherv1.RemoveClientSecretRequest) (*usherv1.RemoveClientSecretResponse, error) {
	return &usherv1.RemoveClientSecretResponse{Removed: f.removed}, f.err
}

func (f *fakeJamfPro) ProvisionExtensionAttributes(context.Context,
	*usherv1.ProvisionExtensionAttributesRequest) (*usherv1.ProvisionExtensionAttributesResponse, error) {
	return f.provisioned, f.err
}

func privilegesChecked(reads bool) *usherv1.CheckClientSecretResponse {
	return &usherv1.CheckClientSecretResponse{Server: "example.jamfcloud.com", ServerVersion: "11.21.1",
		Privileges: []*usherv1.PrivilegeCheck{
			{Privilege: "Read Computers", Required: true, Granted: new(reads), Purpose: "find the record of this Mac"},
			{Privilege: "Update Computers", Required: true, Purpose: "write the extension attributes to it"},
			{Privilege: "Read Device Compliance Information", Granted: new(false), Purpose: "read its compliance"},
		}}
}

// jamfScenarios are by the name that `helper NAME` of the scripts takes; every other helper has no Jamf Pro.
var jamfScenarios = map[string]*fakeJamfPro{
	"jamf": {
		removed: true, checked: privilegesChecked(true),
		provisioned: &usherv1.ProvisionExtensionAttributesResponse{Server: "example.jamfcloud.com",
			Attributes: []*usherv1.ProvisionedAttribute{
				{Name: "Usher Registration State", Exists: true, DataType: "STRING"},
				{Name: "Usher Registration Result", Created: true, DataType: "STRING"},
				{Name: "Usher State As Of", Exists: true, DataType: "DATE_TIME", OtherDataType: "STRING"},
				{Name: "Usher Last Registration", Exists: true, DataType: "DATE_TIME", Migrated: true},
			}},
	},
	"jamf-lacks": {
		checked: privilegesChecked(false),
		provisioned: &usherv1.ProvisionExtensionAttributesResponse{Server: "example.jamfcloud.com",
			Attributes: []*usherv1.ProvisionedAttribute{
				{Name: "Usher Registration State", Exists: true, Problem: "it has the input type SCRIPT\x1b[2J"},
				{Name: "Usher Registration Result", Problem: "403 Forbidden"},
			}},
	},
	"jamf-not-configured": {err: contract.Error(codes.FailedPrecondition,
		usherv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT,
		"provision extension attributes: Jamf Pro's API is not configured: delivery.api.url not set", contract.Fix,
		"set the keys")},
	"jamf-refuses": {err: contract.Error(codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_PROGRAM_FAILED,
		"get an access token (POST /api/v1/oauth/token at example.jamfcloud.com): 401 Unauthorized, invalid_client; "+
			"check that the API client is enabled")},
	"jamf-away": {err: contract.Error(codes.Unavailable, usherv1.ErrorReason_ERROR_REASON_PROGRAM_FAILED,
		"get an access token (POST /api/v1/oauth/token at example.jamfcloud.com): no answer in time; "+
			"check the network")},
	"jamf-denies": {err: contract.Error(codes.PermissionDenied, usherv1.ErrorReason_ERROR_REASON_NOT_PERMITTED,
		"uid 501 may not", contract.Fix, "run it as root")},
}
