package ctl

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

func init() {
	for name := range supportScenarios {
		if _, taken := scenarios[name]; !taken {
			scenarios[name] = &fakeHelper{}
		}
	}
}

// fakeSupport has files for an archive about jane, who is the user that runs the test. None is a helper that does not
// know the call.
type fakeSupport struct {
	usherv1.UnimplementedSupportServiceServer
	files []fakeSupportFile
	// refused ends every call; broken breaks the stream after its files.
	refused, broken error
}

type fakeSupportFile struct{ name, source, content, problem string }

func supportOf(name string) usherv1.SupportServiceServer {
	if scenario, known := supportScenarios[name]; known {
		return scenario
	}
	return usherv1.UnimplementedSupportServiceServer{}
}

func (f *fakeSupport) about(file fakeSupportFile) *usherv1.SupportFile {
	return &usherv1.SupportFile{Name: file.name, Description: "what " + file.name + " is", Source: file.source,
		SizeEstimate: int64(len(file.content))}
}

func (f *fakeSupport) ListSupportFiles(context.Context,
	*usherv1.ListSupportFilesRequest) (*usherv1.ListSupportFilesResponse, error) {
	response := &usherv1.ListSupportFilesResponse{User: &usherv1.User{Name: "jane", Uid: uint32(os.Getuid())}}
	for _, file := range f.files {
		response.Files = append(response.Files, f.about(file))
	}
	return response, f.refused
}

func (f *fakeSupport) CollectSupportFiles(request *usherv1.CollectSupportFilesRequest,
	stream usherv1.SupportService_CollectSupportFilesServer) error {
	if len(request.GetNames()) != len(f.files) {
		return status.Errorf(codes.InvalidArgument, "asked for %q", request.GetNames())
	}
	for _, file := range f.files {
		parts := []*usherv1.CollectSupportFilesResponse{
			{Part: &usherv1.CollectSupportFilesResponse_File{File: f.about(file)}}}
		for rest := []byte(file.content); len(rest) > 0; rest = rest[min(len(rest), 40):] {
			parts = append(parts, &usherv1.CollectSupportFilesResponse{
				Part: &usherv1.CollectSupportFilesResponse_Data{Data: rest[:min(len(rest), 40)]}})
		}
		if file.problem != "" {
			parts = append(parts, &usherv1.CollectSupportFilesResponse{
				Part: &usherv1.CollectSupportFilesResponse_Problem{Problem: file.problem}})
		}
		for _, part := range parts {
			if err := stream.Send(part); err != nil {
				return err
			}
		}
	}
	return f.broken
}

const (
	janesJournal = `{"schema":"usher.v1","command":"registrations ` +
		`show","data":{"id":"01a20957-f96c-7159-b02d-f11245ccdb20","kind":"REGISTRATION_KIND_REGISTER",` +
		`"user":{"name":"jane","uid":501},` +
		`"state":"REGISTRATION_STATE_FAILED","failure_reason":"FAILURE_REASON_PORTAL_FAILED",` +
		`"failure_detail":"Company Portal ended with 66",` +
		`"create_time":"2026-11-23T10:00:00Z","update_time":"2026-11-23T10:00:09Z","transitions":[` +
		`{"state":"REGISTRATION_STATE_PREFLIGHT","time":"2026-11-23T10:00:00Z"},{"state":"REGISTRATION_STATE_FAILED",` +
		`"time":"2026-11-23T10:00:09Z"}]}}` + "\n"
	// Only the computer's name in it says that pluto is one.
	janesStatus = `{"schema":"usher.v1","command":"status","data":{"computer":{"name":"pluto"},` +
		`"users":[{"user":{"name":"jane",` +
		`"uid":501},"identity":` +
		`{"device_id":"c9f7fcba-c5d8-4994-8d4c-2c2785b993c1","user_principal_name":"jane@contoso.com"}}]}}` + "\n"
	janesJamfLog = "Mon Nov 23 10:00:01 Jane’s Mac mini jamf[12]: Executing Policy Register With Entra\n" +
		"Mon Nov 23 10:00:02 Jane’s Mac mini jamf[12]: Inventory of pluto is sent\n"
)

var supportScenarios = map[string]*fakeSupport{
	"support": {files: []fakeSupportFile{
		{name: "status.json", source: "usherd", content: janesStatus},
		{name: "registrations.json", source: "usherd", content: janesJournal},
		{name: "logs/jamf.log", source: "/var/log/jamf.log", content: janesJamfLog,
			problem: "What may be about other users is left out."},
	}},
	"support-ends": {files: []fakeSupportFile{{name: "registrations.json", source: "usherd", content: janesJournal}},
		broken: contract.Error(codes.Unavailable, usherv1.ErrorReason_ERROR_REASON_UNSPECIFIED, "gone")},
	"support-denied": {refused: contract.Error(codes.PermissionDenied, usherv1.ErrorReason_ERROR_REASON_NOT_PERMITTED,
		"uid 502 may act for themselves only", contract.Fix, "run it as root")},
	"support-evil": {files: []fakeSupportFile{{name: "../../escaped.txt", source: "usherd", content: "x"}}},
}

// unpack runs `unpack ARCHIVE FOLDER`. The archive must be readable only by its owner, and each of its JSON files must
// be valid, one value a line.
func unpack(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	info, err := os.Lstat(path)
	ts.Check(err)
	if info.Mode() != 0o600 {
		ts.Fatalf("%s has mode %s", args[0], info.Mode())
	}
	archive, err := zip.OpenReader(path)
	ts.Check(err)
	defer archive.Close()
	for _, entry := range archive.File {
		content, err := entry.Open()
		ts.Check(err)
		data, err := io.ReadAll(content)
		ts.Check(errors.Join(err, content.Close()))
		if strings.HasSuffix(entry.Name, ".json") {
			for line := range bytes.Lines(data) {
				if !json.Valid(line) {
					ts.Fatalf("%s holds what is no JSON: %s", entry.Name, line)
				}
			}
		}
		to := filepath.Join(ts.MkAbs(args[1]), filepath.FromSlash(entry.Name))
		ts.Check(os.MkdirAll(filepath.Dir(to), 0o700))
		ts.Check(os.WriteFile(to, data, 0o600))
	}
}
