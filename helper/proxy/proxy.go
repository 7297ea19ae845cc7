// Package proxy finds the proxy of the helper's own HTTP calls.
//
// A [Finder] reads the settings at the time of the call, because they change while the helper runs. The first of these
// that has a proxy for the target decides: the configuration (proxy.url, for every target), macOS's own settings, the
// helper's environment as [net/http] reads it. A LaunchDaemon and a systemd service have no such environment unless
// somebody wrote one into their file.
//
// It evaluates no automatic configuration (PAC) and does no discovery (WPAD): a PAC file is a program from the network,
// and root does not run it. [Finder.Overview] reports that one is set.
package proxy

import (
	"fmt"
	"net/http"
	"net/url"

	"golang.org/x/net/http/httpproxy"
)

// Origin says where a proxy is set.
type Origin string

// The origins.
const (
	None        Origin = "none"
	Configured  Origin = "proxy.url"
	MacOS       Origin = "macOS"
	Environment Origin = "environment"
)

// String returns the origin for use in a sentence.
func (o Origin) String() string {
	switch o {
	case Configured:
		return "proxy.url"
	case MacOS:
		return "macOS's settings"
	case Environment:
		return "usherd's environment"
	}
	return "no setting"
}

// Choice is the proxy of one target.
type Choice struct {
	// URL is nil for a direct connection.
	URL    *url.URL
	Origin Origin
	// Exception is the entry of macOS's exceptions that excludes the target.
	Exception string
}

// String returns the proxy for people, without user and password; empty for a direct connection.
func (c Choice) String() string {
	if c.URL == nil {
		return ""
	}
	return (&url.URL{Scheme: c.URL.Scheme, Host: c.URL.Host}).String()
}

// Finder finds proxies. Any number of goroutines may use it.
type Finder struct {
	// Configured returns the current proxy.url; nil and "" mean none.
	Configured func() string
	// System reads macOS's settings; nil if the system has none.
	System func() (System, error)
}

// New returns a Finder of this platform.
func New(configured func() string) *Finder {
	return &Finder{Configured: configured, System: platformSettings}
}

func (f *Finder) configured() string {
	if f.Configured == nil {
		return ""
	}
	return f.Configured()
}

// WithoutConfigured returns a Finder of only the system's settings. It returns f itself if proxy.url is not set.
func (f *Finder) WithoutConfigured() *Finder {
	if f.configured() == "" {
		return f
	}
	return &Finder{System: f.System}
}

// For returns the proxy of a target. It ignores settings of macOS that cannot be read; [Finder.Overview] reports them.
// It returns an error if proxy.url or the environment has an unusable proxy. The error contains no password.
func (f *Finder) For(target *url.URL) (Choice, error) {
	if text := f.configured(); text != "" {
		parsed, err := url.Parse(text)
		if err != nil || parsed.Host == "" {
			return Choice{}, fmt.Errorf("find proxy: %s is not a URL with a host", Configured)
		}
		return Choice{URL: parsed, Origin: Configured}, nil
	}
	if f.System != nil {
		if settings, err := f.System(); err == nil {
			if choice := settings.For(target); choice.URL != nil || choice.Exception != "" {
				return choice, nil
			}
		}
	}
	found, err := httpproxy.FromEnvironment().ProxyFunc()(target)
	if err != nil {
		return Choice{}, fmt.Errorf("find proxy: %s names a proxy that is not a URL", Environment)
	}
	if found == nil {
		return Choice{Origin: None}, nil
	}
	return Choice{URL: found, Origin: Environment}, nil
}

// Proxy is for [http.Transport].
func (f *Finder) Proxy(request *http.Request) (*url.URL, error) {
	choice, err := f.For(request.URL)
	return choice.URL, err
}

// Overview describes the settings for people.
type Overview struct {
	// Origin is the origin of the settings in force for https, None if there are none.
	Origin Origin
	// URL is the proxy for https as [Choice.String]; empty for none.
	URL string
	// System are macOS's settings, if it has any; they have no effect if Origin is Configured.
	System System
	// SystemError says why macOS's settings could not be read. It is nil on a system without such settings.
	// EnvironmentError says that the environment has an unusable proxy.
	SystemError, EnvironmentError error
}

// Overview reads all settings.
func (f *Finder) Overview() Overview {
	var overview Overview
	if f.System != nil {
		overview.System, overview.SystemError = f.System()
	}
	choice, err := f.For(&url.URL{Scheme: "https", Host: "proxied.invalid"})
	overview.Origin, overview.URL, overview.EnvironmentError = choice.Origin, choice.String(), err
	if err != nil {
		overview.Origin = None
	}
	return overview
}

// Automatic says what macOS would ask for a proxy but usher does not, as [System.Automatic]. It is empty if proxy.url
// is set, because usherd then asks nobody.
func (f *Finder) Automatic() string {
	if f.configured() != "" || f.System == nil {
		return ""
	}
	settings, err := f.System()
	if err != nil {
		return ""
	}
	return settings.Automatic()
}
