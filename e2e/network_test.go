//go:build linux

package e2e

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"sync/atomic"
	"testing"
)

// throughProxy is an HTTP proxy on loopback that counts its requests: calls of Jamf Pro, and tunnels, which it refuses.
type throughProxy struct{ calls, tunnels atomic.Int32 }

func (p *throughProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodConnect {
		p.tunnels.Add(1)
		w.WriteHeader(http.StatusForbidden)
		return
	}
	p.calls.Add(1)
	(&httputil.ReverseProxy{Rewrite: func(*httputil.ProxyRequest) {}}).ServeHTTP(w, r)
}

// A server in between shows a certificate of its own: doctor names its issuer, and the registration is not delayed.
// proxy.url takes effect while usherd runs, for Jamf Pro and for the checks.
func TestNetworkInBetween(t *testing.T) {
	inspecting := httptest.NewUnstartedServer(http.NotFoundHandler())
	inspecting.Config.ErrorLog = log.New(io.Discard, "", 0)
	inspecting.StartTLS()
	defer inspecting.Close()
	endpoint := inspecting.Listener.Addr().String()

	s := newStory(t, map[string]any{"preflight.endpoints": []string{endpoint},
		"tenant.cloud_host": "login.example.com"})
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("jane")
	s.control(0, "register", "--user", jane.Name, "--wait")
	s.says("doctor", s.control(19, "doctor"),
		"TLS inspection, or another device in its place: the certificate that "+endpoint+
			` shows is self-signed, by "Acme Co"`)
	s.says("doctor", s.control(19, "doctor"), "None is set; usherd connects directly.")
	s.says("doctor", s.control(19, "doctor"),
		"usher knows no Microsoft cloud with the sign-in host login.example.com.")

	var through throughProxy
	proxy := httptest.NewServer(&through)
	defer proxy.Close()
	s.set(s.Helper, 0, "key=proxy.url", map[string]any{"proxy.url": proxy.URL})
	doctor := s.control(19, "doctor")
	s.says("doctor", doctor, proxy.URL+", from proxy.url.")
	s.says("doctor", doctor, "The proxy "+proxy.URL+" (from proxy.url) does not connect to "+endpoint+
		": it answers 403.")
	s.control(0, "jamf", "credentials", "check")
	if through.calls.Load() == 0 || through.tunnels.Load() == 0 {
		t.Errorf("the proxy saw %d calls and %d tunnels", through.calls.Load(), through.tunnels.Load())
	}
	john := s.loggedIn("john")
	s.control(0, "register", "--user", john.Name, "--wait") // Company Portal does not go through proxy.url

	s.must(s.Set(map[string]any{"proxy.url": "proxy.example.com"}))
	s.waitHelperLog("the configuration cannot be used")
	s.says("doctor", s.control(19, "doctor"), "proxy.url")
}
