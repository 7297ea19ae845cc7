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
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/ctl/answer"
	"usher.internal/internal/contract"
	"usher.internal/internal/timeline"
	usherv1 "usher.internal/proto/usher/v1"
)

func init() {
	for name := range supportScenarios {
		if _, taken := scenarios[name]; !taken {
			scenarios[name] = &fakeHelper{}
		}
	}
}

// fakeSupport has files for an archive about jane, who is whoever runs the test. None is one that does not know the
// call.
type fakeSupport struct {
	usherv1.UnimplementedSupportServiceServer
	files []fakeSupportFile
	// refused ends every call, and broken the stream after its files.
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
	janesStatus = `{"schema":"usher.v1","command":"status","data":{"computer":{"name":"pluto"},"users":[{"user":{"name":"jane",` +
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
		"uid 502 may act for himself only", contract.Fix, "run it as root")},
	"support-evil": {files: []fakeSupportFile{{name: "../../escaped.txt", source: "usherd", content: "x"}}},
}

// unpack runs `unpack ARCHIVE FOLDER`: the archive must be for its owner alone, and each of its JSON files JSON, a
// value a line.
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

func TestAnArchiveTakesNobodysPlace(t *testing.T) {
	folder := t.TempDir()
	taken, dangling := filepath.Join(folder, "taken"), filepath.Join(folder, "dangling")
	err := errors.Join(os.WriteFile(taken, []byte("before"), 0o600),
		os.Symlink(filepath.Join(folder, "elsewhere"), dangling))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{taken, dangling} {
		b := &bundle{output: name}
		failed, ok := errors.AsType[*answer.Failure](b.write(t.Context(), nil, &timeline.Report{}))
		if !ok || failed.Reason != "OUTPUT_EXISTS" {
			t.Errorf("%s: %v", name, failed)
		}
	}
	if text, _ := os.ReadFile(taken); string(text) != "before" {
		t.Errorf("what was there is %q", text)
	}
	if _, err := os.Lstat(filepath.Join(folder, "elsewhere")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a link was followed")
	}
	b := &bundle{output: filepath.Join(folder, "new")}
	if err := b.write(t.Context(), nil, &timeline.Report{}); err != nil {
		t.Error(err)
	}
}

// Where a link leads out of the home, the log there is not the user's, and is not in the archive.
func TestALinkOutOfTheHomeIsNotFollowed(t *testing.T) {
	folder := t.TempDir()
	home, other := filepath.Join(folder, "jane"), filepath.Join(folder, "john")
	logs := filepath.Join(home, "Library/Logs")
	err := errors.Join(os.MkdirAll(filepath.Join(logs, "usher"), 0o700), os.MkdirAll(other, 0o700),
		os.WriteFile(filepath.Join(logs, "usher/own.log"), []byte("own\n"), 0o600),
		os.WriteFile(filepath.Join(other, "johns.log"), []byte("john's\n"), 0o600),
		os.Symlink(other, filepath.Join(logs, "JAMF")))
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle{user: accountOf{name: "jane", home: home}}
	if err := b.addLogs(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, file := range b.files {
		to, err := os.Create(filepath.Join(folder, "copy"))
		if err != nil {
			t.Fatal(err)
		}
		err = file.fill(t.Context(), to)
		to.Close()
		text, _ := os.ReadFile(to.Name())
		if bytes.Contains(text, []byte("john")) ||
			strings.HasSuffix(file.Source, "own.log") && !bytes.Contains(text, []byte("own")) {
			t.Errorf("%s has %q, %v", file.Source, text, err)
		}
	}
	if !slices.ContainsFunc(b.files, func(file *bundleFile) bool { return strings.HasSuffix(file.Source, "own.log") }) {
		t.Error("the user's own log is not there")
	}
}

func TestNamesInTheArchive(t *testing.T) {
	b := &bundle{user: accountOf{name: "jane", home: "/Users/jane.doe"}}
	for _, test := range []struct{ source, want string }{
		{"/Users/jane.doe/Library/Logs/Company Portal/a.log", "logs/Users/jane/Library/Logs/Company Portal/a.log"},
		{"/Users/jane.doe/Library/Logs/Company Portal/a.log.gz",
			"logs/Users/jane/Library/Logs/Company Portal/a.log (2)"},
		{"/var/log/jamf.log", "logs/var/log/jamf.log"},
		{"/Users/jane.doe/report.zip!../../../etc/SSOExtension.log", "logs/etc/SSOExtension.log"},
	} {
		got := b.nameOf(test.source)
		if got != test.want || !filepath.IsLocal(got) {
			t.Errorf("%s is called %s, want %s", test.source, got, test.want)
		}
		b.files = append(b.files, &bundleFile{Name: got})
	}
}
