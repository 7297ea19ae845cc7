package listener_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"usher.internal/helper/listener"
	"usher.internal/internal/personal"
	usherv1 "usher.internal/proto/usher/v1"
)

const (
	marker   = "Jane Doe"
	timeName = protoreflect.FullName("google.protobuf.Timestamp")
)

// fill sets every field of a message, and one field of each oneof, by turns.
func fill(message protoreflect.Message, turn int) {
	value := func(field protoreflect.FieldDescriptor, empty func() protoreflect.Value) protoreflect.Value {
		switch field.Kind() {
		case protoreflect.StringKind:
			return protoreflect.ValueOfString(marker)
		case protoreflect.BytesKind:
			return protoreflect.ValueOfBytes([]byte(marker))
		case protoreflect.BoolKind:
			return protoreflect.ValueOfBool(true)
		case protoreflect.EnumKind:
			return protoreflect.ValueOfEnum(1)
		case protoreflect.Int32Kind:
			return protoreflect.ValueOfInt32(7)
		case protoreflect.Int64Kind:
			return protoreflect.ValueOfInt64(7)
		case protoreflect.Uint32Kind:
			return protoreflect.ValueOfUint32(7)
		case protoreflect.MessageKind:
			inner := empty()
			fill(inner.Message(), turn)
			return inner
		}
		panic(fmt.Sprintf("no value for %s", field.FullName()))
	}
	for i := range message.Descriptor().Fields().Len() {
		field := message.Descriptor().Fields().Get(i)
		if one := field.ContainingOneof(); one != nil && one.Fields().Get(turn%one.Fields().Len()) != field {
			continue
		}
		if field.IsList() {
			list := message.Mutable(field).List()
			list.Append(value(field, list.NewElement))
			continue
		}
		message.Set(field, value(field, func() protoreflect.Value { return message.NewField(field) }))
	}
}

// leaves adds the paths of all fields of a message that are set and hold no other message.
func leaves(message protoreflect.Message, prefix string, paths map[string]bool) {
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		path := prefix + string(field.Name())
		switch {
		case field.Message() == nil || field.Message().FullName() == timeName:
			paths[path] = true
		case field.IsList():
			for i := range value.List().Len() {
				leaves(value.List().Get(i).Message(), path+".", paths)
			}
		default:
			leaves(value.Message(), path+".", paths)
		}
		return true
	})
}

// everything returns a status with all possible fields, once for each turn of its oneofs.
func everything() (all []*usherv1.GetStatusResponse) {
	for turn := range 6 {
		status := &usherv1.GetStatusResponse{}
		fill(status.ProtoReflect(), turn)
		all = append(all, status)
	}
	return all
}

func TestWithoutPersonalData(t *testing.T) {
	t.Parallel()
	w := listening(t, func(_ *world, settings *listener.Settings) { settings.PersonalData = false })
	asked := w.client(monitor)
	watched := asked.watch()
	there, sentFields := map[string]bool{}, map[string]bool{}
	for i, status := range everything() {
		leaves(status.ProtoReflect(), "", there)
		want := proto.CloneOf(status)
		personal.Clear(want)
		w.status.set(status, nil)
		got := asked.mustGet()
		leaves(got.ProtoReflect(), "", sentFields)
		if !proto.Equal(got, want) {
			t.Errorf("GetStatus sends %v, not %v", got, want)
		}
		// Only a part of each change is sent, so there may be no message for it. Each end is different: the watcher may
		// see two of them and nothing in between.
		end := fmt.Sprint("end ", i)
		w.status.set(&usherv1.GetStatusResponse{Computer: &usherv1.ComputerStatus{OperatingSystem: end}}, nil)
		for {
			got, err := watched.Recv()
			must(t, err)
			if got.GetStatus().GetComputer().GetOperatingSystem() == end {
				break
			}
			leaves(got.GetStatus().ProtoReflect(), "", sentFields)
		}
	}
	for _, path := range []string{"users.user.name", "users.identity.user_principal_name", "users.identity.detail",
		"users.evidence.certificates.der", "users.device_id_change.new_device_id", "problems", "computer.name"} {
		if !there[path] || sentFields[path] {
			t.Errorf("%s is in the status: %t, and is sent: %t", path, there[path], sentFields[path])
		}
	}
	for _, path := range []string{"users.user.uid", "users.identity.state", "helper.version", "outbox.pending",
		"users.last_registration.portal_exit.code"} {
		if !sentFields[path] {
			t.Errorf("%s is not sent", path)
		}
	}
}

func TestWithPersonalData(t *testing.T) {
	t.Parallel()
	w := listening(t, nil)
	asked := w.client(monitor)
	for _, status := range everything() {
		w.status.set(status, nil)
		if got := asked.mustGet(); !proto.Equal(got, status) {
			t.Errorf("got %v", got)
		}
	}
	// It is left out from the next answer on. If only that has changed, nothing is sent.
	w.configure(func(settings *listener.Settings) { settings.PersonalData = false })
	if got := asked.mustGet(); strings.Contains(got.String(), "user_principal_name") {
		t.Errorf("got %v", got)
	}
	watched := asked.watch()
	for _, name := range []string{"a", "b", "c"} {
		w.status.set(&usherv1.GetStatusResponse{Computer: &usherv1.ComputerStatus{Name: name}}, nil)
	}
	w.status.set(&usherv1.GetStatusResponse{Helper: &usherv1.HelperStatus{Version: "end"}}, nil)
	for messages := 1; ; messages++ {
		got, err := watched.Recv()
		must(t, err)
		if got.GetStatus().GetHelper().GetVersion() == "end" {
			break
		}
		if messages > 1 {
			t.Errorf("sent once too often: %v", got)
		}
	}
}

// The text of an error remains on the Mac, because it may contain names.
func TestStatusThatCannotBeRead(t *testing.T) {
	t.Parallel()
	w := listening(t, nil)
	asked := w.client(monitor)
	for _, test := range []struct {
		err  error
		want refusal
	}{
		{errors.New("the journal of " + marker + " is damaged"), refusal{
			code: codes.Internal, reason: usherv1.ErrorReason_ERROR_REASON_INTERNAL, says: []string{"cannot be read"},
			fix: "log of usherd",
		}},
	} {
		w.status.set(nil, nil)
		watched := asked.watch()
		w.status.set(nil, test.err)
		for what, err := range map[string]error{"GetStatus": func() error { _, err := asked.get(); return err }(),
			"WatchStatus": watched.ended()} {
			test.want.check(t, what, err)
			if strings.Contains(err.Error(), marker) {
				t.Errorf("%s ends with %v", what, err)
			}
		}
	}
	w.says("the status cannot be sent", marker)
}

// Open streams get the reason, silent connections are not waited for, and nothing is left (goleak).
func TestItEnds(t *testing.T) {
	t.Parallel()
	w := listening(t, nil)
	address := w.listens()
	var streams []*stream
	for range 3 {
		streams = append(streams, w.client(monitor).watch())
	}
	w.client(monitor).mustGet() // and still has its connection
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	must(t, err)
	defer connection.Close()
	started := time.Now()
	w.end()
	if took := time.Since(started); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
	for _, one := range streams {
		refusal{code: codes.Unavailable, reason: usherv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN,
			fix: "call again"}.check(t, "a stream", one.ended())
	}
	if _, err := connection.Read(make([]byte, 1)); err != io.EOF && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the silent connection: %v", err)
	}
	if err := dials(t, address); err == nil || w.listener.Address() != nil {
		t.Errorf("after its end: %v, %v", err, w.listener.Address())
	}
}

// A client that reads nothing delays the end no longer than others may.
func TestItEndsThoughAClientDoesNotRead(t *testing.T) {
	t.Parallel()
	w := listening(t, nil)
	opened, err := w.client(monitor).WatchStatus(t.Context(), &usherv1.WatchStatusRequest{})
	must(t, err)
	large := strings.Repeat("x", 1<<20)
	w.status.set(&usherv1.GetStatusResponse{Problems: []string{large}}, nil)
	if _, err := opened.Recv(); err != nil {
		t.Fatal(err)
	}
	// The next ones fill the buffers on the way, and nobody reads them.
	for i := range 4 {
		before := w.status.timesAsked()
		w.status.set(&usherv1.GetStatusResponse{Problems: []string{large, fmt.Sprint(i)}}, nil)
		if i == 0 {
			eventually(t, "it is being sent", func() bool { return w.status.timesAsked() > before })
		}
	}
	started := time.Now()
	w.end()
	if took := time.Since(started); took > patience/2 {
		t.Errorf("it took %v", took)
	}
}
