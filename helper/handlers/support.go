package handlers

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"

	"usher.internal/helper/clean"
	"usher.internal/helper/doctor"
	"usher.internal/helper/gate"
	"usher.internal/helper/observation"
	"usher.internal/helper/registration"
	"usher.internal/helper/sessions"
	"usher.internal/helper/support"
	"usher.internal/helper/wire"
	"usher.internal/internal/accounts"
	"usher.internal/internal/contract"
	"usher.internal/internal/envelope"
	"usher.internal/internal/excerpt"
	"usher.internal/internal/personal"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// pieceBytes is how much of a file is in one message of the stream.
const pieceBytes = 64 << 10

// supportRegistrations is how many of a user's registrations are in an archive, the newest.
const supportRegistrations = 50

// SupportLogs is the service's view of [support.Logs].
type SupportLogs interface {
	List() []support.Log
	Copy(ctx context.Context, to io.Writer, log support.Log, selection support.Selection) (missing string, err error)
}

// Sessions knows who is logged in; [sessions.Registry] does.
type Sessions interface {
	Foremost
	List() []sessions.Session
}

// Observations is the knowledge about each user; an [observation.Observer] has it.
type Observations interface {
	All() ([]observation.Observation, error)
}

type supportService struct {
	usherv1.UnsafeSupportServiceServer
	logs          SupportLogs
	registrations Registrations
	status        Status
	doctor        Doctor
	examinations  *examinations
	cleaner       Cleaner
	sessions      Sessions
	observations  Observations
	configuration Configuration
}

// supportFile is a file for an archive and its writer. missing is a sentence about the parts that are not there.
type supportFile struct {
	about *usherv1.SupportFile
	write func(ctx context.Context, to io.Writer) (missing string, err error)
}

func (s *supportService) ListSupportFiles(ctx context.Context,
	request *usherv1.ListSupportFilesRequest) (*usherv1.ListSupportFilesResponse, error) {
	user, files, err := s.files(gate.ActorFrom(ctx), request.GetUser())
	if err != nil {
		return nil, err
	}
	response := &usherv1.ListSupportFilesResponse{User: contract.UserToProto(user)}
	for _, file := range files {
		response.Files = append(response.Files, file.about)
	}
	return response, nil
}

// CollectSupportFiles examines the Mac too, so a user may collect only as often as they may examine.
func (s *supportService) CollectSupportFiles(request *usherv1.CollectSupportFilesRequest,
	stream usherv1.SupportService_CollectSupportFilesServer) error {
	actor := gate.ActorFrom(stream.Context())
	_, files, err := s.files(actor, request.GetUser())
	if err != nil {
		return err
	}
	if names := request.GetNames(); len(names) > 0 {
		files = slices.DeleteFunc(files,
			func(file supportFile) bool { return !slices.Contains(names, file.about.GetName()) })
	}
	if uid := actor.UID(); !actor.IsAdmin() && !s.examinations.allow(uid) {
		return gate.Limited(uid, fmt.Sprintf("collects more often than every %s; wait a moment", examinationInterval))
	}
	for _, file := range files {
		if err := send(stream.Context(), stream, file); err != nil {
			return err
		}
	}
	return nil
}

// send sends a file. A problem of only this file is sent in its place.
func send(ctx context.Context, stream usherv1.SupportService_CollectSupportFilesServer, file supportFile) error {
	if err := stream.Send(&usherv1.CollectSupportFilesResponse{
		Part: &usherv1.CollectSupportFilesResponse_File{File: file.about}}); err != nil {
		return err
	}
	to := &pieces{stream: stream}
	buffered := bufio.NewWriterSize(to, pieceBytes)
	problem, err := file.write(ctx, buffered)
	buffered.Flush() // its error is to.err
	switch {
	case to.err != nil:
		return to.err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		problem = err.Error()
	}
	if problem == "" {
		return nil
	}
	return stream.Send(&usherv1.CollectSupportFilesResponse{
		Part: &usherv1.CollectSupportFilesResponse_Problem{Problem: problem}})
}

// pieces sends the written data, and remembers an error.
type pieces struct {
	stream usherv1.SupportService_CollectSupportFilesServer
	err    error
}

func (p *pieces) Write(data []byte) (written int, _ error) {
	for piece := range slices.Chunk(data, pieceBytes) {
		if p.err != nil {
			return written, p.err
		}
		// The buffer is overwritten after this returns, but the message may not be encoded by then.
		p.err = p.stream.Send(&usherv1.CollectSupportFilesResponse{
			Part: &usherv1.CollectSupportFilesResponse_Data{Data: bytes.Clone(piece)}})
		written += len(piece)
	}
	return written, p.err
}

// files returns the helper's files for an archive about a user, if the caller may act for that user.
func (s *supportService) files(actor *gate.Actor, name string) (accounts.User, []supportFile, error) {
	user, err := subject(actor, name, s.sessions)
	if err != nil {
		return accounts.User{}, nil, err
	}
	if err := actor.MayActFor(user.UID); err != nil {
		return accounts.User{}, nil, err
	}
	files, err := s.about(actor, user)
	return user, files, err
}

func (s *supportService) about(actor *gate.Actor, user accounts.User) ([]supportFile, error) {
	made, err := s.registrations.List(
		registration.Filter{UID: &user.UID, Name: user.Name, Limit: supportRegistrations})
	if err != nil {
		return nil, err
	}
	status, err := s.status.About(actor, user.UID, user.Name)
	if err != nil {
		return nil, err
	}
	selection, err := s.selection(actor, user, made, status)
	if err != nil {
		return nil, err
	}
	// A caller who is not an admin does not get the parts of a sentence that are about another user.
	var private func(string) string
	if !actor.IsAdmin() {
		private = excerpt.NewPrivacy(selection.About,
			slices.Concat(excerpt.PeopleIn(support.Homes...), selection.Others)).Without
	}
	removals, err := s.removalsOf(actor, user)
	if err != nil {
		return nil, err
	}
	var journal []any
	for _, one := range made {
		journal = append(journal, wire.RegistrationFor(actor, one))
	}
	files := []supportFile{
		written("status.json", "the state of the user, as `usherctl status --json` shows it", "status", private,
			status),
		{
			about: &usherv1.SupportFile{Name: "doctor.json",
				Description: "every check of `usherctl doctor --json`, run now", Source: fromHelper},
			write: func(ctx context.Context, to io.Writer) (string, error) {
				return "", s.examine(ctx, actor, user, private, to)
			},
		},
		written("registrations.json",
			"usherd's journal of the user's registrations, as `usherctl registrations show ID --json` shows each",
			"registrations show", private, journal...),
		written("removals.json", "what `usherctl clean` has removed for the user", "clean history", private, removals),
	}
	if actor.IsAdmin() {
		files = append(files, written("configuration.json",
			"usherd's configuration, as `usherctl config show --json` shows it; it holds no secrets",
			"config show", private, s.configuration.Current().Values()))
	}
	for _, log := range s.logs.List() {
		if log.Own && !actor.IsAdmin() {
			continue // the user's own registrations are in registrations.json
		}
		files = append(files, supportFile{
			about: &usherv1.SupportFile{Name: log.Name, Description: log.Description, Source: log.Path,
				SizeEstimate: log.Size},
			write: func(ctx context.Context, to io.Writer) (string,
				error) {
				return s.logs.Copy(ctx, to, log, selection)
			},
		})
	}
	return files, nil
}

// removalsOf returns the records of removals for a user. A caller who is not an admin does not see which admin asked
// for one.
func (s *supportService) removalsOf(actor *gate.Actor, user accounts.User) (*usherv1.ListRemovalsResponse, error) {
	removals, err := s.cleaner.List(clean.Filter{UID: &user.UID, Name: user.Name, Limit: supportRegistrations})
	if err != nil {
		return nil, err
	}
	list := &usherv1.ListRemovalsResponse{}
	for _, one := range removals {
		if !actor.IsAdmin() && one.Caller.UID != 0 && one.Caller.UID != user.UID {
			one.Caller = accounts.User{Name: "an admin"}
		}
		list.Removals = append(list.Removals, one.Proto())
	}
	return list, nil
}

// examine writes doctor's findings about the computer and that user, as far as the caller may see them.
func (s *supportService) examine(ctx context.Context, actor *gate.Actor, user accounts.User,
	private func(string) string,
	to io.Writer) error {
	return s.doctor.Examine(ctx, doctor.Caller{Admin: actor.IsAdmin(), UID: user.UID},
		func(found doctor.Outcome) error {
			return writeEnvelope(to, "doctor", private, outcomeToProto(found))
		})
}

// selection says which part of the logs is about the user.
func (s *supportService) selection(actor *gate.Actor, user accounts.User, made []registration.Registration,
	status *usherv1.GetStatusResponse) (support.Selection, error) {
	selection := support.Selection{About: excerpt.Person{Name: user.Name, UID: user.UID}, Everything: actor.IsAdmin()}
	add := func(to *[]string, values ...string) {
		for _, one := range values {
			if one != "" && !slices.Contains(*to, one) {
				*to = append(*to, one)
			}
		}
	}
	about := &selection.About
	for _, one := range made {
		selection.Spans = append(selection.Spans, excerpt.Around(one.CreatedAt, one.UpdatedAt))
		if one.Identity != nil {
			add(&about.SignInNames, string(one.Identity.UserPrincipalName))
		}
		add(&about.Identifiers, idsOf(one.Identity)...)
	}
	for _, one := range status.GetUsers() {
		add(&about.SignInNames, one.GetIdentity().GetUserPrincipalName())
	}
	other := func(name string, uid uint32, identity *wpj.Identity) {
		if uid == user.UID && name == user.Name {
			add(&about.Identifiers, idsOf(identity)...)
			return
		}
		add(&selection.Others, name, strconv.FormatUint(uint64(uid), 10))
		add(&selection.Others, idsOf(identity)...)
		if identity != nil {
			add(&selection.Others, string(identity.UserPrincipalName))
		}
	}
	for _, one := range s.sessions.List() {
		other(one.User.Name, one.User.UID, nil)
	}
	observed, err := s.observations.All()
	if err != nil {
		return selection, err
	}
	for _, one := range observed {
		other(one.User.Name, one.User.UID, &one.Identity)
		if change := one.Change; change != nil {
			other(one.User.Name, one.User.UID, &wpj.Identity{DeviceID: change.Old})
		}
	}
	all, err := s.registrations.List(registration.Filter{Limit: maximumListed})
	for _, one := range all {
		other(one.User.Name, one.User.UID, one.Identity)
	}
	return selection, err
}

// idsOf returns the ids of the devices in an identity, which may be nil.
func idsOf(identity *wpj.Identity) (ids []string) {
	if identity == nil {
		return nil
	}
	ids = []string{string(identity.DeviceID), string(identity.Thumbprint), string(identity.UserObjectID)}
	for _, one := range identity.Others {
		ids = append(ids, string(one.DeviceID), string(one.Thumbprint))
	}
	return slices.DeleteFunc(ids, func(id string) bool { return id == "" })
}

// fromHelper is the source of data that is not in a file.
const fromHelper = "usherd"

// written returns a JSON file: each element of data on one line, in the form in which usherctl prints it for a command
// (docs/json.md).
func written(name, description, command string, private func(string) string, data ...any) supportFile {
	var text bytes.Buffer
	var failed error
	for _, one := range data {
		if failed == nil {
			failed = writeEnvelope(&text, command, private, one)
		}
	}
	return supportFile{
		about: &usherv1.SupportFile{Name: name, Description: description, Source: fromHelper,
			SizeEstimate: int64(text.Len())},
		write: func(_ context.Context, to io.Writer) (string, error) {
			if failed == nil {
				_, failed = to.Write(text.Bytes())
			}
			return "", failed
		},
	}
}

// writeEnvelope writes a message of the contract, or another value, in the form of usherctl's --json. If private is
// set, each personal text of a message is replaced by its result.
func writeEnvelope(to io.Writer, command string, private func(string) string, data any) error {
	if message, ok := data.(proto.Message); ok && private != nil {
		message = proto.Clone(message) // parts of it may be shared
		personal.Replace(message, private)
		data = message
	}
	encoded, err := envelope.Data(data)
	if err == nil {
		err = envelope.Envelope{Command: command, Data: encoded}.Write(to)
	}
	if err != nil {
		return fmt.Errorf("write %T: %w", data, err)
	}
	return nil
}
