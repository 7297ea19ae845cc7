package listener_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/emptypb"

	"usher.internal/helper/listener"
	usherv1 "usher.internal/proto/usher/v1"
)

func TestAllowedClientIsAnswered(t *testing.T) {
	t.Parallel()
	w := listening(t, nil)
	asked := w.client(monitor)
	if got := asked.mustGet(); got.GetComputer().GetName() != "a Mac" {
		t.Errorf("got %v", got)
	}
	watched := asked.watch()
	w.status.set(&usherv1.GetStatusResponse{Problems: []string{"A problem."}}, nil)
	if got, err := watched.Recv(); err != nil || len(got.GetStatus().GetProblems()) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
}

// A client without a valid certificate cannot make a call. TLS has few words for the reason, so the Mac's log has it.
func TestCertificatesThatDoNotCount(t *testing.T) {
	t.Parallel()
	w := listening(t, nil)
	is := func(change func(*x509.Certificate)) []tls.Certificate {
		return []tls.Certificate{w.clients.issue(t, named(monitor), change)}
	}
	for name, test := range map[string]struct {
		shown []tls.Certificate
		says  string
	}{
		"none": {nil, "client didn't provide a certificate"},
		"of another authority": {[]tls.Certificate{newAuthority(t, "strangers").issue(t, named(monitor))},
			"signed by unknown authority"},
		"of another of that name": {[]tls.Certificate{newAuthority(t, "clients").issue(t, named(monitor))},
			"signed by unknown authority"},
		"of the server's authority": {[]tls.Certificate{w.servers.issue(t, named(monitor))},
			"signed by unknown authority"},
		"expired": {
			is(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
			"has expired or is not yet valid: current time"},
		"not yet valid": {
			is(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), "is before"},
		"only for servers": {
			is(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }),
			"incompatible key usage"},
		"of an authority, without its intermediate": {
			[]tls.Certificate{withoutChain(w.clients.intermediate(t, "between").issue(t, named(monitor)))},
			"signed by unknown authority"},
	} {
		asked := w.clientWith(test.shown...)
		if _, err := asked.get(); status.Code(err) != codes.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
		w.says("listener refused a connection", "peer=127.0.0.1:", test.says)
		asked.connection.Close()
	}
	if asked := w.status.timesAsked(); asked != 0 {
		t.Errorf("the status was asked for %d times", asked)
	}
	between := w.clients.intermediate(t, "between")
	w.clientWith(between.issue(t, named(monitor))).mustGet()
}

func withoutChain(certificate tls.Certificate) tls.Certificate {
	certificate.Certificate = certificate.Certificate[:1]
	return certificate
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	w := listening(t, nil)
	for version, says := range map[uint16]string{tls.VersionTLS12: "protocol version", tls.VersionTLS13: ""} {
		config := w.clientTLS(w.clients.issue(t, named(monitor)))
		config.MinVersion, config.MaxVersion, config.NextProtos = tls.VersionTLS12, version, []string{"h2"}
		dialer := tls.Dialer{Config: config}
		connection, err := dialer.DialContext(t.Context(), "tcp", w.listens())
		if (err != nil) != (says != "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			connection.Close()
		}
	}
	w.says("listener refused a connection", "unsupported versions")
}

// Every kind of subject alternative name is accepted, and nothing else in a certificate.
func TestNamesThatAreAllowed(t *testing.T) {
	t.Parallel()
	allowed := []string{monitor, "Ops@Example.org", "spiffe://example.org/monitor", "192.0.2.7", "2001:db8::7"}
	const none = "no subject alternative name"
	for name, test := range map[string]struct {
		certificate func(*x509.Certificate)
		// refusedFor are the names in the refusal; empty means that the client is let in.
		refusedFor string
	}{
		"DNS name":             {named(monitor), ""},
		"DNS name, other case": {named("MONITOR.Example.ORG"), ""},
		"e-mail address":       {named("ops@example.org"), ""},
		"URI":                  {named("spiffe://example.org/monitor"), ""},
		"IPv4 address":         {named("192.0.2.7"), ""},
		"IPv6 address":         {named("2001:db8:0::7"), ""},
		"one of several": {
			named("a.example.org", "b@example.org", "192.0.2.8", "spiffe://example.org/monitor"), ""},
		"another one":          {named("desk.example.org"), "desk.example.org"},
		"one below it":         {named("x.monitor.example.org"), "x.monitor.example.org"},
		"its parent":           {named("example.org"), "example.org"},
		"a wildcard":           {named("*.example.org"), "*.example.org"},
		"longer":               {named("monitor.example.org.example.com"), "monitor.example.org.example.com"},
		"another address":      {named("192.0.2.8"), "192.0.2.8"},
		"another path":         {named("spiffe://example.org/monitor/x"), "spiffe://example.org/monitor/x"},
		"the path in capitals": {named("spiffe://example.org/Monitor"), "spiffe://example.org/Monitor"},
		"only the common name": {func(c *x509.Certificate) { c.Subject.CommonName = monitor }, none},
		"the common name and more": {
			func(c *x509.Certificate) { c.Subject.CommonName = monitor; c.DNSNames = []string{"desk.example.org"} },
			"desk.example.org"},
		"the organization": {
			func(c *x509.Certificate) { c.Subject = pkix.Name{Organization: []string{monitor}} }, none},
		"no name at all": {func(*x509.Certificate) {}, none},
		"more than anyone can read": {
			named("a.example.org", "b.example.org", "c.example.org", "d.example.org", "e.example.org"),
			"a.example.org, b.example.org, c.example.org, d.example.org"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := listening(t, func(_ *world, settings *listener.Settings) { settings.AllowedNames = allowed })
			asked := w.clientWith(w.clients.issue(t, test.certificate))
			_, got := asked.get()
			watched, err := asked.WatchStatus(asked.context(), &usherv1.WatchStatusRequest{})
			must(t, err)
			_, streamed := watched.Recv()
			if test.refusedFor == "" {
				must(t, got, streamed)
				return
			}
			want := notPermitted(codes.PermissionDenied, "listener.allowed_names",
				test.refusedFor+", and no name on it may ask", "certificate")
			want.check(t, "GetStatus", got)
			want.check(t, "WatchStatus", streamed)
			w.says("listener refused a call", "method=/usher.v1.StatusService/GetStatus", test.refusedFor,
				"peer=127.0.0.1:")
		})
	}
}

// Reflection, health, every other service of usher, and services that do not exist.
func TestNothingElseIsAnswered(t *testing.T) {
	t.Parallel()
	w := listening(t, func(_ *world, settings *listener.Settings) {
		// Each method gets its own name, because the calls of one name are limited.
		for name := 'a'; name <= 'z'; name++ {
			settings.AllowedNames = append(settings.AllowedNames, string(name)+".example.org")
		}
	})
	methods := []string{
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
		"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
		"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch", "/usher.v1.StatusService/SetStatus",
		"/usher.v1.StatusService/", "/x/y",
	}
	protoregistry.GlobalFiles.RangeFilesByPackage("usher.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				if service.Name() != "StatusService" {
					methods = append(methods, "/"+string(service.FullName())+"/"+
						string(service.Methods().Get(j).Name()))
				}
			}
		}
		return true
	})
	if len(methods) < 20 {
		t.Fatalf("there are only %s", methods)
	}
	call := func(by *client, method string) error {
		opened, err := by.connection.NewStream(by.context(), &grpc.StreamDesc{ServerStreams: true}, method)
		must(t, err, opened.SendMsg(&emptypb.Empty{}), opened.CloseSend())
		return opened.RecvMsg(&emptypb.Empty{})
	}
	const perClient = 15
	for i := 0; i < len(methods); i += perClient {
		asked := w.client(string(rune('a'+i/perClient)) + ".example.org")
		for _, method := range methods[i:min(i+perClient, len(methods))] {
			notPermitted(codes.Unimplemented, "usherctl", method, "only GetStatus and WatchStatus").check(t, method,
				call(asked, method))
		}
	}
	// A client that may not ask does not learn what exists either.
	stranger := w.client("desk.example.org")
	for _, method := range methods[:4] {
		notPermitted(codes.PermissionDenied, "listener.allowed_names", "desk.example.org").check(t, method,
			call(stranger, method))
	}
	_, err := w.client(monitor).GetStatus(t.Context(), &usherv1.GetStatusRequest{LookAgain: true})
	notPermitted(codes.PermissionDenied, "usherctl status --look", "look_again").check(t, "look_again", err)
	if asked := w.status.timesAsked(); asked != 0 {
		t.Errorf("the status was asked for %d times", asked)
	}
}

// Requests are empty. A large one is refused, and the connection continues.
func TestLargeRequestsAreRefused(t *testing.T) {
	t.Parallel()
	w := listening(t, nil)
	asked := w.client(monitor)
	padded := func(size int) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, 1000, protowire.BytesType), make([]byte, size))
	}
	for size, want := range map[int]codes.Code{1 << 10: codes.OK, 5 << 10: codes.ResourceExhausted,
		3 << 20: codes.ResourceExhausted} {
		request, watch := &usherv1.GetStatusRequest{}, &usherv1.WatchStatusRequest{}
		request.ProtoReflect().SetUnknown(padded(size))
		watch.ProtoReflect().SetUnknown(padded(size))
		_, err := asked.GetStatus(asked.context(), request)
		watched, watchErr := asked.WatchStatus(asked.context(), watch)
		must(t, watchErr)
		_, watchErr = watched.Recv()
		if status.Code(err) != want || status.Code(watchErr) != want {
			t.Errorf("%d bytes: %v, %v", size, err, watchErr)
		}
	}
	before := w.status.timesAsked()
	large := metadata.AppendToOutgoingContext(asked.context(), "x-large", strings.Repeat("x", 9<<10))
	if _, err := asked.GetStatus(large, &usherv1.GetStatusRequest{}); err == nil || w.status.timesAsked() != before {
		t.Errorf("large headers: %v", err)
	}
	asked.mustGet()
}
