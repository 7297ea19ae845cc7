package handlers

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/helper/delivery"
	"usher.internal/helper/gate"
	"usher.internal/helper/jamfpro"
	"usher.internal/internal/contract"
	"usher.internal/internal/link"
	usherv1 "usher.internal/proto/usher/v1"
	sim "usher.internal/sim/jamfpro"
)

const plantedSecret = "s3cret-planted"

// jamfProUnderTest is the service with its log. Root calls it, and the gate's table translates its errors.
type jamfProUnderTest struct {
	service *jamfProService
	log     bytes.Buffer
}

func newJamfProUnderTest(jamfPro JamfPro) *jamfProUnderTest {
	u := &jamfProUnderTest{}
	log := slog.New(slog.NewTextHandler(&u.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	u.service = &jamfProService{jamfPro: jamfPro, wanted: delivery.Definitions(), log: log}
	return u
}

// ask calls a method of the service.
func ask[Request, Response any](ctx context.Context, u *jamfProUnderTest,
	method func(context.Context, *Request) (*Response, error), request *Request) (*Response, error) {
	ctx = gate.WithActor(ctx, gate.NewActor(&link.Peer{UID: 0}, true, nil))
	response, err := method(ctx, request)
	if err != nil {
		return nil, Translate(err)
	}
	return response, nil
}

func TestJamfProFromTheSecretToTheAttributes(t *testing.T) {
	jamf, err := sim.New(sim.Options{Version: "11.21.1",
		Definitions: []sim.Definition{
			{Name: "Usher Registration State", InputType: sim.InputScript, ScriptContents: "#!/bin/sh"}}})
	if err != nil {
		t.Fatal(err)
	}
	serving := httptest.NewServer(jamf)
	t.Cleanup(func() { jamf.Close(); serving.Close() })
	path := filepath.Join(t.TempDir(), "keep", "secret")
	u := newJamfProUnderTest(jamfpro.NewSetup(
		jamfpro.Config{URL: serving.URL, ClientID: sim.DefaultClientID, ClientSecretFile: path}, nil))

	set, err := ask(t.Context(), u, u.service.SetClientSecret,
		&usherv1.SetClientSecretRequest{ClientSecret: sim.DefaultClientSecret + "\n"})
	if err != nil || set.GetPath() != path {
		t.Fatalf("%v, %v", set, err)
	}
	jamf.SetPrivileges(sim.DefaultClientID, []string{sim.ReadExtensionAttributes, sim.CreateExtensionAttributes})
	checked, err := ask(t.Context(), u, u.service.CheckClientSecret, &usherv1.CheckClientSecretRequest{})
	if err != nil || checked.GetServer() != strings.TrimPrefix(serving.URL, "http://") ||
		checked.GetServerVersion() != "11.21.1" {
		t.Fatalf("%v, %v", checked, err)
	}
	granted := map[string]string{}
	for _, one := range checked.GetPrivileges() {
		granted[one.GetPrivilege()] = "not tried"
		if one.Granted != nil {
			granted[one.GetPrivilege()] = map[bool]string{true: "yes", false: "no"}[one.GetGranted()]
		}
		if one.GetPurpose() == "" {
			t.Errorf("%s has no purpose", one.GetPrivilege())
		}
	}
	for privilege, want := range map[string]string{
		sim.ReadComputers: "no", sim.UpdateComputers: "not tried", sim.ReadExtensionAttributes: "yes",
		sim.CreateExtensionAttributes: "not tried", sim.ReadDeviceCompliance: "no",
	} {
		if granted[privilege] != want {
			t.Errorf("%s is %q, want %q", privilege, granted[privilege], want)
		}
	}
	for _, dryRun := range []bool{true, false} {
		provisioned, err := ask(t.Context(), u, u.service.ProvisionExtensionAttributes,
			&usherv1.ProvisionExtensionAttributesRequest{DryRun: dryRun})
		if err != nil || len(provisioned.GetAttributes()) != len(delivery.Definitions()) ||
			provisioned.GetServer() != checked.GetServer() {
			t.Fatalf("%v, %v", provisioned, err)
		}
		for _, one := range provisioned.GetAttributes() {
			script := one.GetName() == "Usher Registration State"
			if one.GetExists() != script || one.GetCreated() == script ||
				strings.Contains(one.GetProblem(), "SCRIPT") != script || one.GetDescription() == "" {
				t.Errorf("dry run %t: %v", dryRun, one)
			}
		}
		if made := len(jamf.Definitions()); dryRun && made != 1 || !dryRun && made != len(delivery.Definitions()) {
			t.Errorf("dry run %t: %d definitions", dryRun, made)
		}
	}
	for _, want := range []bool{true, false} {
		removed, err := ask(t.Context(), u, u.service.RemoveClientSecret, &usherv1.RemoveClientSecretRequest{})
		if err != nil || removed.GetRemoved() != want {
			t.Errorf("%v, %v", removed, err)
		}
	}
	for line, times := range map[string]int{"was set": 1, "was removed": 1, "uid=0": 2, sim.DefaultClientSecret: 0} {
		if strings.Count(u.log.String(), line) != times {
			t.Errorf("%q is not %d times in the log: %s", line, times, u.log.String())
		}
	}
}

// failingJamfPro is a Jamf Pro that fails in one way.
type failingJamfPro struct{ err error }

func (f failingJamfPro) SetClientSecret(string) (string, error)    { return "", f.err }
func (f failingJamfPro) RemoveClientSecret() (string, bool, error) { return "", false, f.err }
func (f failingJamfPro) CheckPrivileges(context.Context) (jamfpro.Checked, error) {
	return jamfpro.Checked{}, f.err
}
func (f failingJamfPro) Provision(context.Context, []jamfpro.Definition, jamfpro.Provisioning) (string,
	[]jamfpro.Provisioned, error) {
	return "", nil, f.err
}

func TestFailuresOfJamfProHaveAStatus(t *testing.T) {
	missing := jamfpro.NewSetup(jamfpro.Config{}, nil)
	_, notConfigured := missing.CheckPrivileges(t.Context())
	_, noPlace := missing.SetClientSecret(plantedSecret)
	linked := filepath.Join(t.TempDir(), "secret")
	if err := os.Symlink("elsewhere", linked); err != nil {
		t.Fatal(err)
	}
	const argument, program = usherv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT,
		usherv1.ErrorReason_ERROR_REASON_PROGRAM_FAILED
	for name, test := range map[string]struct {
		err    error
		code   codes.Code
		reason usherv1.ErrorReason
		says   []string
	}{
		"not configured": {notConfigured, codes.FailedPrecondition, argument,
			[]string{"delivery.api.url", "delivery.api.client_id", "Read Computers, Update Computers"}},
		"no place": {noPlace, codes.FailedPrecondition, argument,
			[]string{"delivery.api.client_secret_file not set"}},
		"a link in the way": {jamfpro.WriteClientSecret(linked, plantedSecret), codes.FailedPrecondition, argument,
			[]string{linked, "symbolic link", "usherctl jamf credentials set"}},
		"no secret": {jamfpro.WriteClientSecret(linked, plantedSecret+"\nsecond"), codes.InvalidArgument,
			argument, []string{"control characters"}},
		"refused": {&jamfpro.APIError{Operation: "x", Status: 403, Privilege: "Read Computers"},
			codes.FailedPrecondition, program, []string{"Read Computers"}},
		"the answer of none": {&jamfpro.APIError{Operation: "x", Err: errors.New("refused connection")},
			codes.Unavailable, program, []string{"check the network"}},
		"a maintenance page": {&jamfpro.APIError{Operation: "x", Status: 403, NotJSON: true}, codes.Unavailable,
			program, []string{"maintenance"}},
	} {
		u := newJamfProUnderTest(failingJamfPro{test.err})
		_, set := ask(t.Context(), u, u.service.SetClientSecret,
			&usherv1.SetClientSecretRequest{ClientSecret: plantedSecret})
		_, checked := ask(t.Context(), u, u.service.CheckClientSecret, &usherv1.CheckClientSecretRequest{})
		_, removed := ask(t.Context(), u, u.service.RemoveClientSecret, &usherv1.RemoveClientSecretRequest{})
		_, provisioned := ask(t.Context(), u, u.service.ProvisionExtensionAttributes,
			&usherv1.ProvisionExtensionAttributesRequest{})
		for _, err := range []error{set, checked, removed, provisioned} {
			if status.Code(err) != test.code || contract.Reason(err) != test.reason {
				t.Errorf("%s: %s, %s: %v", name, status.Code(err), contract.Reason(err), err)
			}
			shown := status.Convert(err).Message() + " " + contract.Metadata(err)[contract.Fix]
			for _, part := range test.says {
				if !strings.Contains(shown, part) {
					t.Errorf("%s: %q is not in %q", name, part, shown)
				}
			}
			if strings.Contains(shown+u.log.String(), "s3cret") {
				t.Errorf("%s shows the secret: %q, log %q", name, shown, u.log.String())
			}
		}
	}
}

// A delivery that hangs holds the client; the service does not wait for it for ever.
func TestJamfProIsNotWaitedForLongerThanItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newJamfProUnderTest(hangingJamfPro{})
		_, checked := ask(t.Context(), u, u.service.CheckClientSecret, &usherv1.CheckClientSecretRequest{})
		_, provisioned := ask(t.Context(), u, u.service.ProvisionExtensionAttributes,
			&usherv1.ProvisionExtensionAttributesRequest{})
		for _, err := range []error{checked, provisioned} {
			if status.Code(err) != codes.Unavailable ||
				contract.Reason(err) != usherv1.ErrorReason_ERROR_REASON_PROGRAM_FAILED {
				t.Errorf("got %v", err)
			}
		}
	})
}

// hangingJamfPro ends when its caller gives up.
type hangingJamfPro struct{ failingJamfPro }

func (hangingJamfPro) CheckPrivileges(ctx context.Context) (jamfpro.Checked, error) {
	<-ctx.Done()
	return jamfpro.Checked{}, errors.Join(jamfpro.ErrBusy, ctx.Err())
}

func (hangingJamfPro) Provision(ctx context.Context, _ []jamfpro.Definition, _ jamfpro.Provisioning) (string,
	[]jamfpro.Provisioned, error) {
	<-ctx.Done()
	return "", nil, errors.Join(jamfpro.ErrBusy, ctx.Err())
}
