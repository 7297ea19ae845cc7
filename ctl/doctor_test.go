package ctl

import (
	"google.golang.org/grpc/codes"

	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

func init() {
	for name := range doctorScenarios {
		if _, taken := scenarios[name]; !taken {
			scenarios[name] = &fakeHelper{}
		}
	}
}

// fakeDoctor sends its checks, and then ends, hangs or fails. None is one that does not know the call.
type fakeDoctor struct {
	usherv1.UnimplementedDoctorServiceServer
	checks []*usherv1.Check
	err    error
}

func doctorOf(name string) usherv1.DoctorServiceServer {
	if scenario, known := doctorScenarios[name]; known {
		return scenario
	}
	return usherv1.UnimplementedDoctorServiceServer{}
}

func (f *fakeDoctor) Examine(_ *usherv1.ExamineRequest, stream usherv1.DoctorService_ExamineServer) error {
	for _, check := range f.checks {
		if err := stream.Send(&usherv1.ExamineResponse{Check: check}); err != nil {
			return err
		}
	}
	return f.err
}

func checked(name, title string, result usherv1.CheckResult, evidence, fix string) *usherv1.Check {
	return &usherv1.Check{Name: name, Title: title, Result: result, Evidence: evidence, Fix: fix}
}

var (
	portalThere = checked("company-portal-installed", "Company Portal is installed",
		usherv1.CheckResult_CHECK_RESULT_OK, "It is at /Applications.", "")
	noProfiles = checked("managed-configuration", "The configuration comes from a profile",
		usherv1.CheckResult_CHECK_RESULT_NOT_APPLICABLE, "This system has none.", "")
	diskFull = checked("disk", "The disk has room", usherv1.CheckResult_CHECK_RESULT_FAILED,
		"/var/lib/usher has 3 MB free.", "Free disk space.")
	clockNotAsked = checked("clock", "The clock is right", usherv1.CheckResult_CHECK_RESULT_WARNING,
		"Could not look: no endpoint reported the time.", "")
)

var doctorScenarios = map[string]*fakeDoctor{
	"well":  {checks: []*usherv1.Check{portalThere, noProfiles}},
	"warns": {checks: []*usherv1.Check{portalThere, noProfiles, clockNotAsked}},
	"fails": {checks: []*usherv1.Check{portalThere, noProfiles, diskFull, clockNotAsked, {
		Name: "session-keychain", Title: "login keychain\x1b[2J can be looked at",
		Result: usherv1.CheckResult_CHECK_RESULT_OK, Evidence: "one\ntwo", User: "jane",
	}}},
	"newer": {checks: []*usherv1.Check{checked("future", "The future is near", 99, "It is not known here.", "")}},
	"breaks": {checks: []*usherv1.Check{portalThere, diskFull},
		err: contract.Error(codes.Unavailable, usherv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN, "usherd shuts down",
			contract.Fix, "call again in a moment")},
	"busy": {err: contract.Error(codes.ResourceExhausted, usherv1.ErrorReason_ERROR_REASON_RATE_LIMITED,
		"uid 501 examines more often than every 10s; wait a moment")},
}
