package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"

	"usher.internal/internal/config"
	"usher.internal/internal/propertylist"
)

// System holds macOS's proxy settings of the primary network service, as SCDynamicStoreCopyProxies returns them. The
// keys are those of SCSchemaDefinitions.h [APPLE-SC].
type System struct {
	// HTTPS and HTTP are proxies for targets of that scheme. SOCKS is for every other scheme. The zero value is none.
	HTTPS, HTTP, SOCKS Server
	// Exceptions are hosts, domains and networks with a direct connection.
	Exceptions []string
	// ExcludeSimpleHostnames connects directly to names without a dot.
	ExcludeSimpleHostnames bool
	// AutoConfiguration is the address of a PAC file without user, query and fragment, or a word for an inline script.
	// Empty means that none is set.
	AutoConfiguration string
	// AutoDiscovery makes macOS look for a PAC file by itself (WPAD).
	AutoDiscovery bool
	// Unusable are settings that are switched on but have no usable value, a phrase each.
	Unusable []string
}

// Server is a proxy.
type Server struct {
	Host string
	Port int
	// HasUser says that the proxy requires a user; the password is in a keychain that usherd does not read.
	HasUser bool
}

// IsSet reports whether there is a proxy.
func (s Server) IsSet() bool { return s.Host != "" }

// ErrNotADictionary is wrapped if the settings are not a dictionary.
var ErrNotADictionary = errors.New("not a dictionary")

// ParseSystem reads the dictionary of SCDynamicStoreCopyProxies as a property list. A missing key is not set; an
// invalid value is in Unusable.
func ParseSystem(propertyList []byte) (System, error) {
	values, err := propertylist.Parse(propertyList)
	if err != nil {
		return System{}, fmt.Errorf("read proxy settings: %w: %w", ErrNotADictionary, err)
	}
	var settings System
	for _, one := range []struct {
		prefix string
		server *Server
	}{{"HTTPS", &settings.HTTPS}, {"HTTP", &settings.HTTP}, {"SOCKS", &settings.SOCKS}} {
		if !isOn(values[one.prefix+"Enable"]) {
			continue
		}
		server, ok := parseServer(text(values[one.prefix+"Proxy"]), values[one.prefix+"Port"])
		if !ok {
			settings.Unusable = append(settings.Unusable, "the "+one.prefix+" proxy is on and has no host and port")
			continue
		}
		server.HasUser = text(values[one.prefix+"User"]) != ""
		*one.server = server
	}
	switch exceptions := values["ExceptionsList"].(type) {
	case []any:
		for _, entry := range exceptions {
			if name := strings.TrimSpace(text(entry)); name != "" {
				settings.Exceptions = append(settings.Exceptions, name)
			}
		}
	case string: // one text: System Settings never writes that, but a profile may
		settings.Exceptions = strings.FieldsFunc(exceptions,
			func(r rune) bool { return r == ',' || r == ';' || r == ' ' })
	}
	settings.ExcludeSimpleHostnames = isOn(values["ExcludeSimpleHostnames"])
	settings.AutoDiscovery = isOn(values["ProxyAutoDiscoveryEnable"])
	if isOn(values["ProxyAutoConfigEnable"]) {
		settings.AutoConfiguration = shown(text(values["ProxyAutoConfigURLString"]))
		if settings.AutoConfiguration == "" && text(values["ProxyAutoConfigJavaScript"]) != "" {
			settings.AutoConfiguration = "a script in the settings"
		}
		if settings.AutoConfiguration == "" {
			settings.AutoConfiguration = "an address that is missing"
		}
	}
	return settings, nil
}

// isOn reports whether a switch is on: macOS writes 1, a profile may write true or a text.
func isOn(value any) bool {
	switch value := value.(type) {
	case bool:
		return value
	case string:
		return value == "1" || strings.EqualFold(value, "true") || strings.EqualFold(value, "yes")
	}
	number, ok := whole(value)
	return ok && number != 0
}

func whole(value any) (int64, bool) {
	switch value := value.(type) {
	case uint64:
		return int64(value), value < 1<<62
	case int64:
		return value, true
	case float64:
		return int64(value), value == float64(int64(value))
	case float32:
		return int64(value), value == float32(int64(value))
	case string:
		number, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		return number, err == nil
	}
	return 0, false
}

func text(value any) string {
	text, _ := value.(string)
	return text
}

// parseServer reads a host, which may have the form of a URL or include its port, and a port.
func parseServer(host string, port any) (Server, bool) {
	host = strings.TrimSpace(host)
	if _, rest, isURL := strings.Cut(host, "://"); isURL {
		host = rest
	}
	host, _, _ = strings.Cut(host, "/")
	if at := strings.LastIndexByte(host, '@'); at >= 0 { // never a password that could be shown
		host = host[at+1:]
	}
	number, ok := whole(port)
	if name, own, err := net.SplitHostPort(host); err == nil {
		host = name
		if !ok || number == 0 {
			number, ok = whole(own)
		}
	}
	host = strings.Trim(host, "[]")
	if host == "" || strings.ContainsAny(host, " \t\r\n?#@") || !ok || number < 1 || number > 65535 {
		return Server{}, false
	}
	return Server{Host: host, Port: int(number)}, true
}

// shown returns the address of a PAC file without parts that may be secret.
func shown(address string) string {
	address = strings.TrimSpace(address)
	parsed, err := url.Parse(address)
	switch {
	case address == "":
		return ""
	case err != nil:
		return "an address that is not a URL"
	case parsed.Scheme == "data":
		return "a script in the settings"
	case parsed.Opaque != "":
		return "an address that is not a URL"
	}
	return (&url.URL{Scheme: parsed.Scheme, Host: parsed.Host, Path: parsed.Path}).String()
}

// Automatic says what macOS asks for a proxy but usher does not, as a phrase. It is empty for nothing. Discovery is on
// in many networks that have nothing to find.
func (s System) Automatic() string {
	switch {
	case s.AutoConfiguration != "":
		return "automatic configuration (PAC) from " + s.AutoConfiguration
	case s.AutoDiscovery:
		return "automatic discovery (WPAD)"
	case s.SOCKS.IsSet():
		return "the SOCKS proxy " + net.JoinHostPort(s.SOCKS.Host, strconv.Itoa(s.SOCKS.Port))
	}
	return ""
}

// For returns the proxy of a target by these settings. If there is none, its Origin is None, also if an exception is
// the reason.
func (s System) For(target *url.URL) Choice {
	server := s.HTTP
	if target.Scheme == "https" {
		server = s.HTTPS
	}
	if !server.IsSet() || config.IsLoopback(target.Hostname()) {
		return Choice{Origin: None}
	}
	if exception, is := s.excepted(target.Hostname(), target.Port()); is {
		return Choice{Origin: None, Exception: exception}
	}
	// macOS speaks plain HTTP to both kinds of proxy.
	return Choice{URL: &url.URL{Scheme: "http", Host: net.JoinHostPort(server.Host, strconv.Itoa(server.Port))},
		Origin: MacOS}
}

func (s System) excepted(host, port string) (exception string, is bool) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	_, err := netip.ParseAddr(host)
	isAddress := err == nil
	if s.ExcludeSimpleHostnames && !isAddress && !strings.Contains(host, ".") {
		return "simple host names", true
	}
	for _, entry := range s.Exceptions {
		if matches(strings.ToLower(entry), host, port, isAddress) {
			return entry, true
		}
	}
	return "", false
}

// matches reports whether an exception includes a host. An exception is a name or address, with * for anything
// ("*.local"), a domain that begins with a dot, or a network. macOS leaves out zeros at the end of a network
// ("169.254/16"). An entry may have a port.
func matches(entry, host, port string, isAddress bool) bool {
	if name, own, err := net.SplitHostPort(entry); err == nil {
		if own != port && !(port == "" && own == "443") {
			return false
		}
		entry = name
	}
	if isAddress {
		if network, ok := parseNetwork(entry); ok {
			address, err := netip.ParseAddr(host)
			return err == nil && network.Contains(address.Unmap())
		}
		if one, err := netip.ParseAddr(strings.Trim(entry, "[]")); err == nil {
			return one.String() == host
		}
	}
	if strings.HasPrefix(entry, ".") {
		return strings.HasSuffix(host, entry) || host == entry[1:]
	}
	matched, err := path.Match(entry, host) // a host has no slash
	return err == nil && matched
}

func parseNetwork(entry string) (netip.Prefix, bool) {
	address, bits, isNetwork := strings.Cut(entry, "/")
	if !isNetwork {
		return netip.Prefix{}, false
	}
	if !strings.Contains(address, ":") {
		for strings.Count(address, ".") < 3 {
			address += ".0"
		}
	}
	network, err := netip.ParsePrefix(address + "/" + bits)
	return network.Masked(), err == nil
}
