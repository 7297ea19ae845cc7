package proxy_test

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"howett.net/plist"

	"usher.internal/helper/proxy"
)

var update = flag.Bool("update", false, "write the golden files")

// system returns a finder with macOS's settings.
func system(t *testing.T, values map[string]any) *proxy.Finder {
	t.Helper()
	content, err := plist.Marshal(values, plist.BinaryFormat)
	if err != nil {
		t.Fatal(err)
	}
	return &proxy.Finder{System: func() (proxy.System, error) { return proxy.ParseSystem(content) }}
}

func target(t *testing.T, text string) *url.URL {
	t.Helper()
	parsed, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// noEnvironment removes the proxies from the environment of the tests.
func noEnvironment(t *testing.T) {
	t.Helper()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
		"REQUEST_METHOD"} {
		t.Setenv(name, "")
	}
}

func TestWhichProxyApplies(t *testing.T) {
	type values = map[string]any
	https := func(more ...any) values {
		all := values{"HTTPSEnable": 1, "HTTPSProxy": "secure.example.com", "HTTPSPort": 8443}
		for i := 0; i < len(more); i += 2 {
			all[more[i].(string)] = more[i+1]
		}
		return all
	}
	list := func(entries ...string) []string { return entries }
	for name, test := range map[string]struct {
		settings  values
		target    string
		want      string
		exception string
	}{
		"nothing":               {values{}, "https://a.example.com", "", ""},
		"https":                 {https(), "https://a.example.com", "http://secure.example.com:8443", ""},
		"https is not for http": {https(), "http://a.example.com", "", ""},
		"http is not for https": {values{"HTTPEnable": 1, "HTTPProxy": "p", "HTTPPort": 80},
			"https://a.example.com", "", ""},
		"http": {values{"HTTPEnable": 1, "HTTPProxy": "p", "HTTPPort": 80},
			"http://a.example.com", "http://p:80", ""},
		"off": {https("HTTPSEnable", 0), "https://a.example.com", "", ""},
		"as a boolean": {https("HTTPSEnable", true), "https://a.example.com",
			"http://secure.example.com:8443", ""},
		"as texts": {https("HTTPSEnable", "1", "HTTPSPort", "3128"), "https://a.example.com",
			"http://secure.example.com:3128", ""},
		"as reals": {https("HTTPSEnable", 1.0, "HTTPSPort", 3128.0), "https://a.example.com",
			"http://secure.example.com:3128", ""},
		"with a scheme": {https("HTTPSProxy", "http://secure.example.com/"), "https://a.example.com",
			"http://secure.example.com:8443", ""},
		"with a port of its own": {https("HTTPSProxy", "secure.example.com:3128", "HTTPSPort", 0),
			"https://a.example.com", "http://secure.example.com:3128", ""},
		"with a password": {https("HTTPSProxy", "jane:hunter2@secure.example.com"), "https://a.example.com",
			"http://secure.example.com:8443", ""},
		"IPv6": {https("HTTPSProxy", "2001:db8::1"), "https://a.example.com",
			"http://[2001:db8::1]:8443", ""},
		"IPv6 in brackets": {https("HTTPSProxy", "[2001:db8::1]"), "https://a.example.com",
			"http://[2001:db8::1]:8443", ""},
		"no host":                    {https("HTTPSProxy", ""), "https://a.example.com", "", ""},
		"no port":                    {https("HTTPSPort", nil), "https://a.example.com", "", ""},
		"an invalid port":            {https("HTTPSPort", 65536), "https://a.example.com", "", ""},
		"this computer":              {https(), "https://localhost:8443", "", ""},
		"this computer's address":    {https(), "https://127.0.0.1", "", ""},
		"this computer's address, 6": {https(), "https://[::1]", "", ""},

		"an exception": {https("ExceptionsList", list("a.example.com")), "https://A.example.com",
			"", "a.example.com"},
		"an exception of a domain": {https("ExceptionsList", list("*.local", "*.Example.com")),
			"https://a.b.example.com", "", "*.Example.com"},
		"an exception with a dot": {https("ExceptionsList", list(".example.com")), "https://a.example.com", "",
			".example.com"},
		"an exception of another": {https("ExceptionsList", list("example.com", "b.example.com", "*.local")),
			"https://a.example.com", "http://secure.example.com:8443", ""},
		"an exception of a part": {https("ExceptionsList", list("ample.com", "*.ple.com")),
			"https://example.com", "http://secure.example.com:8443", ""},
		"an exception with its port": {https("ExceptionsList", list("a.example.com:444")),
			"https://a.example.com:444", "", "a.example.com:444"},
		"an exception of another port": {https("ExceptionsList", list("a.example.com:444")),
			"https://a.example.com", "http://secure.example.com:8443", ""},
		"a network": {https("ExceptionsList", list("169.254/16", "192.0.2.0/24")),
			"https://192.0.2.7", "", "192.0.2.0/24"},
		"a network in short": {https("ExceptionsList", list("169.254/16")), "https://169.254.1.1", "",
			"169.254/16"},
		"a network does not match names": {https("ExceptionsList", list("0.0.0.0/0")), "https://a.example.com",
			"http://secure.example.com:8443", ""},
		"an IPv6 network": {https("ExceptionsList", list("fe80::/10")), "https://[fe80::1]", "",
			"fe80::/10"},
		"an address": {https("ExceptionsList", list("192.0.2.7")), "https://192.0.2.7", "",
			"192.0.2.7"},
		"addresses by a star": {https("ExceptionsList", list("10.*")), "https://10.1.2.3", "", "10.*"},
		"every host":          {https("ExceptionsList", list("*")), "https://a.example.com", "", "*"},
		"an invalid pattern": {https("ExceptionsList", list("[")), "https://a.example.com",
			"http://secure.example.com:8443", ""},
		"exceptions as one text": {https("ExceptionsList", "*.local, a.example.com"), "https://a.example.com",
			"", "a.example.com"},
		"exceptions of another kind": {https("ExceptionsList", 7), "https://a.example.com",
			"http://secure.example.com:8443", ""},
		"simple names": {https("ExcludeSimpleHostnames", 1), "https://jamf", "",
			"simple host names"},
		"simple names, and one that's not": {https("ExcludeSimpleHostnames", 1), "https://jamf.example.com",
			"http://secure.example.com:8443", ""},
		"simple names are no exception": {https(), "https://jamf", "http://secure.example.com:8443", ""},
		"PAC is not evaluated": {
			values{"ProxyAutoConfigEnable": 1, "ProxyAutoConfigURLString": "http://wpad/proxy.pac"},
			"https://a.example.com", "", ""},
		"SOCKS is not used": {values{"SOCKSEnable": 1, "SOCKSProxy": "s", "SOCKSPort": 1080},
			"https://a.example.com", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			noEnvironment(t)
			if port, there := test.settings["HTTPSPort"]; there && port == nil {
				delete(test.settings, "HTTPSPort")
			}
			choice, err := system(t, test.settings).For(target(t, test.target))
			if err != nil || choice.String() != test.want || choice.Exception != test.exception {
				t.Errorf("%q by %q (%v), want %q by %q", choice, choice.Exception, err, test.want, test.exception)
			}
			if origin := choice.Origin; (origin == proxy.MacOS) != (test.want != "") || origin == "" {
				t.Errorf("it is from %s", origin)
			}
		})
	}
}

// Each testdata/system/*.plist is the result of SCDynamicStoreCopyProxies in one situation, in the form in which public
// posts show `scutil --proxy`. None was taken from a Mac.
func TestSystemIsRead(t *testing.T) {
	paths, err := filepath.Glob("testdata/system/*.plist")
	if err != nil || len(paths) < 4 {
		t.Fatalf("only %d samples, %v", len(paths), err)
	}
	noEnvironment(t)
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		settings, err := proxy.ParseSystem(content)
		overview := (&proxy.Finder{System: func() (proxy.System, error) { return settings, err }}).Overview()
		text := fmt.Sprintf("https: %s (%s)\nautomatic: %s\nunusable: %s\nexceptions: %s\nerror: %v\n", overview.URL,
			overview.Origin,
			settings.Automatic(), strings.Join(settings.Unusable, "; "), strings.Join(settings.Exceptions, ", "), err)
		golden := strings.TrimSuffix(path, ".plist") + ".golden"
		if *update {
			if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if text != string(want) {
			t.Errorf("%s:\n%swant\n%s", path, text, want)
		}
	}
}

func TestOrderOfTheSources(t *testing.T) {
	noEnvironment(t)
	configured, settings := "", map[string]any{"HTTPSEnable": 1, "HTTPSProxy": "mac", "HTTPSPort": 1,
		"ExceptionsList": []string{"direct.example.com"}}
	finder := system(t, settings)
	finder.Configured = func() string { return configured }
	check := func(about, where, want string, origin proxy.Origin) {
		t.Helper()
		request := &http.Request{URL: target(t, where)}
		choice, err := finder.For(request.URL)
		used, _ := finder.Proxy(request)
		if err != nil || choice.String() != want || choice.Origin != origin || (used == nil) != (want == "") {
			t.Errorf("%s: %q from %s (%v), want %q from %s", about, choice, choice.Origin, err, want, origin)
		}
	}
	check("macOS", "https://a.example.com", "http://mac:1", proxy.MacOS)
	t.Setenv("HTTPS_PROXY", "http://jane:hunter2@environment:2")
	check("macOS before the environment", "https://a.example.com", "http://mac:1", proxy.MacOS)
	check("an exception of macOS's is direct in the environment too", "https://direct.example.com", "", proxy.None)
	configured = "http://configured:3"
	check("the configuration before all", "https://a.example.com", "http://configured:3", proxy.Configured)
	check("the configuration has no exceptions", "https://direct.example.com", "http://configured:3", proxy.Configured)
	check("not even this computer", "http://127.0.0.1:8080", "http://configured:3", proxy.Configured)
	if got := finder.Automatic(); got != "" {
		t.Errorf("with proxy.url another proxy is asked: %s", got)
	}
	configured = ""
	check("as it is now", "https://a.example.com", "http://mac:1", proxy.MacOS)
	finder.System = func() (proxy.System, error) { return proxy.System{}, errors.New("no configd") }
	check("macOS's cannot be read", "https://a.example.com", "http://environment:2", proxy.Environment)
	if overview := finder.Overview(); overview.SystemError == nil || overview.Origin != proxy.Environment ||
		strings.Contains(overview.URL, "jane") {
		t.Errorf("%+v", overview)
	}
	finder.System = nil
	check("no settings of a system", "https://a.example.com", "http://environment:2", proxy.Environment)
	t.Setenv("NO_PROXY", "a.example.com")
	check("the environment's exceptions", "https://a.example.com", "", proxy.None)
	configured = "http://hunter2:%zz"
	if _, err := finder.For(target(t, "https://a.example.com")); err == nil ||
		strings.Contains(err.Error(), "hunter2") {
		t.Errorf("an invalid configured proxy: %v", err)
	}
	if overview := finder.Overview(); overview.EnvironmentError == nil || overview.URL != "" {
		t.Errorf("%+v", overview)
	}
}

func TestWhatIsNoDictionary(t *testing.T) {
	for _, content := range []string{"", "{", "<plist><array/></plist>", "bplist00\x00", "(1, 2)"} {
		if settings, err := proxy.ParseSystem([]byte(content)); err == nil {
			t.Errorf("%q is %+v", content, settings)
		}
	}
}

// For any dictionary, the result is a proxy that can be connected to, or none. It shows no password.
func FuzzParseSystem(f *testing.F) {
	f.Add("secure.example.com", "8443", "*.local", "http://wpad/wpad.dat?token=hunter2", true)
	f.Add("http://jane:hunter2@[::1]:80/x", "-1", "[", "data:application/x-ns-proxy-autoconfig,hunter2", false)
	f.Add("a b", "99999999999999999999", "10.0/8:443", "%", true)
	f.Fuzz(func(t *testing.T, host, port, exception, address string, as bool) {
		content, err := plist.Marshal(
			map[string]any{"HTTPSEnable": as, "HTTPSProxy": host, "HTTPSPort": port, "HTTPSUser": host,
				"ExceptionsList": []string{exception}, "ProxyAutoConfigEnable": !as,
				"ProxyAutoConfigURLString": address},
			plist.XMLFormat)
		if err != nil {
			return // not a text of a property list
		}
		settings, err := proxy.ParseSystem(content)
		if err != nil {
			return
		}
		choice := settings.For(&url.URL{Scheme: "https", Host: "a.example.com"})
		if choice.URL == nil {
			return
		}
		if parsed, err := url.Parse(choice.URL.String()); err == nil &&
			(parsed.Hostname() == "" || parsed.Port() == "" || parsed.User != nil) {
			t.Errorf("%q and %q are %s", host, port, choice)
		}
	})
}

func TestAutomatic(t *testing.T) {
	type values = map[string]any
	for _, test := range []struct {
		settings values
		want     string
	}{
		{values{}, ""},
		{values{"ProxyAutoConfigEnable": 0, "ProxyAutoConfigURLString": "http://wpad/proxy.pac"}, ""},
		{values{"ProxyAutoConfigEnable": 1,
			"ProxyAutoConfigURLString": "http://jane:hunter2@wpad.example.com/proxy.pac?key=hunter2#x"},
			"automatic configuration (PAC) from http://wpad.example.com/proxy.pac"},
		{values{"ProxyAutoConfigEnable": 1, "ProxyAutoConfigURLString": "file:///Library/proxy.pac"},
			"automatic configuration (PAC) from file:///Library/proxy.pac"},
		{values{"ProxyAutoConfigEnable": 1, "ProxyAutoConfigURLString": "data:text/plain,hunter2"},
			"automatic configuration (PAC) from a script in the settings"},
		{values{"ProxyAutoConfigEnable": 1, "ProxyAutoConfigJavaScript": "function FindProxyForURL() {}"},
			"automatic configuration (PAC) from a script in the settings"},
		{values{"ProxyAutoConfigEnable": 1}, "automatic configuration (PAC) from an address that is missing"},
		{values{"ProxyAutoConfigEnable": 1, "ProxyAutoConfigURLString": "http://%zz"},
			"automatic configuration (PAC) from an address that is not a URL"},
		{values{"ProxyAutoDiscoveryEnable": 1}, "automatic discovery (WPAD)"},
		{values{"ProxyAutoDiscoveryEnable": 1, "ProxyAutoConfigEnable": 1,
			"ProxyAutoConfigURLString": "http://wpad/proxy.pac"},
			"automatic configuration (PAC) from http://wpad/proxy.pac"},
		{values{"SOCKSEnable": 1, "SOCKSProxy": "s.example.com", "SOCKSPort": 1080},
			"the SOCKS proxy s.example.com:1080"},
	} {
		if got := system(t, test.settings).Automatic(); got != test.want {
			t.Errorf("%v: %q, want %q", test.settings, got, test.want)
		}
	}
	if settings, err := proxy.ParseSystem(
		[]byte("<plist><dict><key>HTTPSEnable</key><integer>1</integer></dict></plist>")); err != nil ||
		!slices.Equal(settings.Unusable, []string{"the HTTPS proxy is on and has no host and port"}) {
		t.Errorf("%+v, %v", settings, err)
	}
}
