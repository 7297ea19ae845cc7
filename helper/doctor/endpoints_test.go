package doctor_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"usher.internal/helper/doctor"
	"usher.internal/helper/proxy"
	"usher.internal/helper/registration"
	"usher.internal/internal/cloud"
)

// network maps names to servers of this computer; other names refuse connections.
type network map[string]string

func (n network) dial(ctx context.Context, protocol, address string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(address)
	target, there := n[host]
	if !there {
		return nil, &net.OpError{Op: "dial", Net: protocol, Err: syscall.ECONNREFUSED}
	}
	return new(net.Dialer).DialContext(ctx, protocol, target)
}

// server is an HTTPS server whose certificate, of a private authority, is for example.com. roots has that authority.
func server(t *testing.T) (address string, roots *x509.CertPool) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // for clients that look and leave
	server.StartTLS()
	t.Cleanup(server.Close)
	roots = x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server.Listener.Addr().String(), roots
}

// macOS returns a finder with only these settings.
func macOS(settings proxy.System) *proxy.Finder {
	return &proxy.Finder{System: func() (proxy.System, error) { return settings, nil }}
}

func configured(address string) *proxy.Finder {
	return &proxy.Finder{Configured: func() string { return "http://" + address }}
}

// connects is a proxy that tunnels to the requested address, by the network's names.
func connects(t *testing.T, names network) (address string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		target, err := names.dial(request.Context(), "tcp", request.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer target.Close()
		connection, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer connection.Close()
		io.WriteString(connection, "HTTP/1.1 200 OK\r\n\r\n")
		done := make(chan struct{})
		go func() { defer close(done); io.Copy(connection, target); connection.Close() }()
		io.Copy(target, buffered)
		target.Close()
		<-done
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestEachEndpointHasItsFinding(t *testing.T) {
	inspecting, roots := server(t)
	addresses := cloud.Endpoints("login.microsoftonline.com")
	names := network{}
	for _, host := range cloud.Public.Hosts() {
		names[host.Name] = inspecting
	}
	delete(names, "sts.windows.net")
	config := doctor.Config{Endpoints: append(addresses, "example.com:443"), Dial: names.dial, Roots: roots,
		CloudHost: "login.microsoftonline.com", Proxies: new(proxy.Finder)}
	names["example.com"] = inspecting
	all := examine(t, config)
	for name, want := range map[string]struct {
		result doctor.Result
		says   string
	}{
		// The certificate of httptest is for example.com. If its authority is a public one, the certificate is for
		// another host.
		"endpoint-login-microsoftonline-com": {doctor.Failed, "is for example.com"},
		"endpoint-config-edge-skype-com":     {doctor.Warning, "is for example.com"},
		"endpoint-sts-windows-net":           {doctor.Failed, "refuses the connection"},
		"endpoint-example-com":               {doctor.OK, "which is public"},
		"registration-endpoints":             {doctor.OK, "accepts connections."},
		"tenant-cloud":                       {doctor.OK, "the public cloud"},
		"proxy":                              {doctor.OK, "usherd connects directly"},
	} {
		if found := named(t, all, name); found.Result != want.result || !strings.Contains(found.Evidence, want.says) {
			t.Errorf("%s is %s: %s", name, found.Result, found.Evidence)
		}
	}
	config.Roots = nil // Mozilla's
	for name, found := range map[string]doctor.Outcome{
		"a host of Microsoft's":      named(t, examine(t, config), "endpoint-login-microsoftonline-com"),
		"a host that an admin added": named(t, examine(t, config), "endpoint-example-com"),
	} {
		if found.Result != doctor.Failed || !strings.Contains(found.Evidence, "TLS inspection") ||
			!strings.Contains(found.Evidence, `"Acme Co"`) || !strings.Contains(found.Fix, "Exempt") {
			t.Errorf("%s, inspected, is %s: %s %s", name, found.Result, found.Evidence, found.Fix)
		}
	}
}

// Something between this computer and Microsoft does not stop a registration by itself: it may let Company Portal
// through.
func TestInspectionStopsNoRegistration(t *testing.T) {
	inspecting, _ := server(t)
	names := network{"login.microsoftonline.com": inspecting}
	if reason, says := trouble(t,
		doctor.Config{PortalExecutable: executable(t), Endpoints: cloud.Endpoints("login.microsoftonline.com"),
			Dial: names.dial, Proxies: new(proxy.Finder)}); reason != "" {
		t.Errorf("%s: %s", reason, says)
	}
}

func TestPreflightAsksThoseThatARegistrationNeeds(t *testing.T) {
	for _, variable := range []string{"HTTPS_PROXY", "https_proxy"} {
		t.Setenv(variable, "")
	}
	portal, there := executable(t), listening(t)
	asks := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) }
	user := httptest.NewServer(http.HandlerFunc(asks))
	defer user.Close()
	all := cloud.Endpoints("login.microsoftonline.us")
	for name, test := range map[string]struct {
		endpoints []string
		names     network
		proxies   *proxy.Finder
		reason    registration.FailureReason
		says      string
	}{
		"Apple's only": {all, network{"app-site-association.cdn-apple.com": there}, nil,
			registration.ReasonEndpointsUnreachable, "login.microsoftonline.us:443"},
		"the configuration's only": {all, network{"config.edge.skype.com": there}, nil,
			registration.ReasonEndpointsUnreachable, "login.microsoftonline.us:443"},
		"sign-in": {all, network{"login.microsoftonline.us": there}, nil, "", ""},
		"registration": {all, network{"certauth.enterpriseregistration.microsoftonline.us": there}, nil,
			"", ""},
		"an admin's own": {[]string{"app-site-association.cdn-apple.com:443", "adfs.example.com:443"},
			network{"app-site-association.cdn-apple.com": there}, nil, registration.ReasonEndpointsUnreachable,
			"adfs.example.com:443"},
		"only Apple's host is asked": {[]string{"app-site-association.cdn-apple.com:443"},
			network{"app-site-association.cdn-apple.com": there}, nil, "", ""},
		"a proxy": {all, nil, configured(connects(t, network{"login.microsoftonline.us": there})),
			"", ""},
		"a proxy that leads nowhere": {all, nil, configured(connects(t, nil)),
			registration.ReasonEndpointsUnreachable, "502 Bad Gateway"},
		"no proxy where one is set": {all, nil, configured(closed(t)), registration.ReasonEndpointsUnreachable,
			"refused"},
		"a proxy that requires a user": {all, nil, configured(user.Listener.Addr().String()), "", ""},
		"directly, as Company Portal": {all, network{"login.microsoftonline.us": there}, configured(connects(t, nil)),
			"", ""},
		"PAC beside proxy.url": {all, nil,
			&proxy.Finder{Configured: configured(closed(t)).Configured,
				System: macOS(proxy.System{AutoConfiguration: "http://wpad/proxy.pac"}).System}, "", ""},
		"PAC": {all, nil, macOS(proxy.System{AutoConfiguration: "http://wpad/proxy.pac"}), "",
			""},
	} {
		t.Run(name, func(t *testing.T) {
			dial := func(ctx context.Context, protocol, address string) (net.Conn, error) {
				if strings.HasPrefix(address, "127.0.0.1:") { // a proxy
					return new(net.Dialer).DialContext(ctx, protocol, address)
				}
				return test.names.dial(ctx, protocol, address)
			}
			config := doctor.Config{PortalExecutable: portal, Endpoints: test.endpoints, Dial: dial,
				Proxies: test.proxies}
			if test.proxies == nil {
				config.Proxies = new(proxy.Finder)
			}
			reason, says := trouble(t, config)
			if reason != test.reason || !strings.Contains(says, test.says) || strings.Contains(says, "cdn-apple") {
				t.Errorf("%q: %s, want %q with %q", reason, says, test.reason, test.says)
			}
		})
	}
	found := named(t, examine(t,
		doctor.Config{Endpoints: all, Dial: network{}.dial,
			Proxies: macOS(proxy.System{AutoConfiguration: "http://wpad/proxy.pac"})}), "registration-endpoints")
	if found.Result != doctor.Warning || !strings.Contains(found.Evidence, "http://wpad/proxy.pac") ||
		!strings.Contains(found.Fix, "proxy.url") {
		t.Errorf("%s: %s %s", found.Result, found.Evidence, found.Fix)
	}
}

func TestWhichProxyDoctorShows(t *testing.T) {
	manual := proxy.Server{Host: "proxy.example.com", Port: 8080}
	for name, test := range map[string]struct {
		finder *proxy.Finder
		result doctor.Result
		says   []string
		fix    string
	}{
		"none": {new(proxy.Finder), doctor.OK, []string{"None is set", "directly"}, ""},
		"configured": {configured("proxy.example.com:3128"), doctor.OK,
			[]string{"http://proxy.example.com:3128, from proxy.url.", "every call"}, ""},
		"macOS's": {macOS(proxy.System{HTTPS: manual}), doctor.OK,
			[]string{"http://proxy.example.com:8080, from macOS's settings."}, ""},
		"exceptions": {macOS(proxy.System{HTTPS: manual, Exceptions: []string{"*.example.org"}}), doctor.OK,
			[]string{"Without it: sts.example.org, sts.example.org:8443."}, ""},
		"a user": {macOS(proxy.System{HTTPS: proxy.Server{Host: "p", Port: 1, HasUser: true}}), doctor.OK,
			[]string{"has a user"}, ""},
		"PAC": {macOS(proxy.System{AutoConfiguration: "http://wpad/proxy.pac"}), doctor.Warning,
			[]string{"None is set", "http://wpad/proxy.pac", "does not evaluate"}, "proxy.url"},
		"PAC too": {macOS(proxy.System{HTTPS: manual, AutoConfiguration: "http://wpad/proxy.pac"}), doctor.Warning,
			[]string{"http://proxy.example.com:8080", "http://wpad/proxy.pac"}, "proxy.url"},
		"WPAD": {macOS(proxy.System{AutoDiscovery: true}), doctor.OK, []string{"WPAD"}, ""},
		"SOCKS": {macOS(proxy.System{SOCKS: manual}), doctor.Warning,
			[]string{"SOCKS proxy proxy.example.com:8080"}, "proxy.url"},
		"unusable": {macOS(proxy.System{Unusable: []string{"the HTTPS proxy is on and has no host and port"}}),
			doctor.Warning, []string{"In macOS's settings the HTTPS proxy is on"}, "Correct the proxy"},
		"not read": {&proxy.Finder{
			System: func() (proxy.System, error) { return proxy.System{}, errors.New("no configd") }}, doctor.Warning,
			[]string{"Could not look at macOS's settings: no configd."}, ""},
		"not a URL": {&proxy.Finder{Configured: func() string { return "http://hunter2:%zz" }}, doctor.Failed,
			[]string{"proxy.url is not a URL"}, "Correct proxy.url"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{"HTTPS_PROXY", "https_proxy"} {
				t.Setenv(variable, "")
			}
			config := doctor.Config{Proxies: test.finder,
				Endpoints: []string{"sts.example.org:443", "sts.example.org:8443", "login.example.com:443"},
				Dial:      network{}.dial}
			found := named(t, examine(t, config), "proxy")
			for _, part := range test.says {
				if found.Result != test.result || !strings.Contains(found.Evidence, part) ||
					!strings.Contains(found.Fix, test.fix) {
					t.Errorf("%s: %s %s; want %s with %q", found.Result, found.Evidence, found.Fix, test.result, part)
				}
			}
		})
	}
}

// The checks use the proxy at the time of the call, for the clock too.
func TestChecksGoThroughTheProxy(t *testing.T) {
	target, roots := server(t)
	through := connects(t, network{"example.com": target})
	where := "http://" + through
	config := doctor.Config{Endpoints: []string{"example.com:443"}, Roots: roots,
		Proxies: &proxy.Finder{Configured: func() string { return where }}}
	found := named(t, examine(t, config), "endpoint-example-com")
	if found.Result != doctor.OK ||
		!strings.Contains(found.Evidence, "through the proxy http://"+through+" (from proxy.url)") {
		t.Errorf("%s: %s", found.Result, found.Evidence)
	}
	// of an authority that the system does not trust, at the end of the tunnel
	if found := named(t, examine(t, config), "clock"); !strings.Contains(found.Evidence, "certificate") {
		t.Errorf("the clock: %s", found.Evidence)
	}
	where = "http://" + closed(t)
	if found := named(t, examine(t, config), "endpoint-example-com"); found.Result != doctor.Failed ||
		!strings.Contains(found.Evidence, "cannot be used") {
		t.Errorf("%s: %s", found.Result, found.Evidence)
	}
}

func TestUnknownCloudIsSaid(t *testing.T) {
	found := named(t, examine(t, doctor.Config{CloudHost: "login.example.com"}), "tenant-cloud")
	if found.Result != doctor.Warning || !strings.Contains(found.Evidence, "login.example.com") ||
		!strings.Contains(found.Fix, "tenant.cloud_host") {
		t.Errorf("%s: %s %s", found.Result, found.Evidence, found.Fix)
	}
}

// If many hosts hang, their check still ends in time, and reports each of them.
func TestHandshakesAreMadeSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			go io.Copy(io.Discard, there)
			return here, nil
		}
		begun := time.Now()
		all := examine(t, doctor.Config{Endpoints: cloud.Endpoints("login.microsoftonline.com"), Dial: silent,
			Transport: slowClock{}, Proxies: new(proxy.Finder)})
		for _, host := range cloud.Public.Hosts() {
			found := named(t, all, "endpoint-"+strings.ReplaceAll(host.Name, ".", "-"))
			if !strings.Contains(found.Evidence, "does not answer the TLS handshake") {
				t.Errorf("%s: %s", host.Name, found.Evidence)
			}
		}
		if took := time.Since(begun); took > 15*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}
