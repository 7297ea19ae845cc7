// Package cloud knows the clouds of Microsoft Entra and the servers that a Mac needs in each to register.
//
// [Of] returns the cloud of a host, [Endpoints] returns the servers for a sign-in host, and [Find] returns the purpose
// of a server. Only this package has the tables. A sign-in host that is not in them belongs to no cloud that usher
// knows: callers say so and guess nothing.
package cloud

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// Cloud is one of Microsoft's clouds. They share no tenants.
type Cloud string

// The clouds. Microsoft Cloud Germany was closed in 2021.
const (
	Public       Cloud = "public"
	USGovernment Cloud = "us_government"
	China        Cloud = "china"
)

// String is the name of the cloud in a sentence.
func (c Cloud) String() string {
	switch c {
	case Public:
		return "the public cloud"
	case USGovernment:
		return "the US government cloud"
	case China:
		return "the cloud in China (21Vianet)"
	}
	return "an unknown cloud"
}

// Purpose is what a server is for.
type Purpose string

// Registration needs the first two kinds. Association is Apple's service; macOS asks it before it accepts the single
// sign-on extension for the sign-in hosts. Configuration lets Microsoft switch off a faulty function; Company Portal
// works without it.
const (
	Registration  Purpose = "registration"
	SignIn        Purpose = "sign-in"
	Association   Purpose = "association"
	Configuration Purpose = "configuration"
)

// Host is one server.
type Host struct {
	Name    string
	Purpose Purpose
	// Unconfirmed marks a host that only one list of Microsoft's names. A failure to reach it means little.
	Unconfirmed bool
}

// environment is one row of the table: a cloud, the names of its sign-in service with the preferred one first, and its
// servers.
type environment struct {
	cloud Cloud
	// signIn are the aliases from instance discovery [MSAL-AD]. login-us.microsoftonline.com is from [MS-PTS], which
	// lists it next to the host of the US government.
	signIn []string
	hosts  []Host
}

// These are the hosts that Microsoft wants exempt from TLS inspection: for registration [MS-PLAN], for sign-in and
// configuration [MS-PTS]. For China, Intune's list names another host of the configuration service [MS-CN].
var environments = []environment{
	{
		Public,
		[]string{"login.microsoftonline.com", "login.microsoft.com", "login.windows.net", "sts.windows.net"},
		[]Host{
			{Name: "enterpriseregistration.windows.net", Purpose: Registration},
			{Name: "certauth.enterpriseregistration.windows.net", Purpose: Registration},
			{Name: "login.microsoftonline.com", Purpose: SignIn},
			{Name: "login.microsoft.com", Purpose: SignIn},
			{Name: "sts.windows.net", Purpose: SignIn},
			{Name: "config.edge.skype.com", Purpose: Configuration},
		},
	},
	{
		USGovernment,
		[]string{"login.microsoftonline.us", "login.usgovcloudapi.net", "login-us.microsoftonline.com"},
		[]Host{
			{Name: "enterpriseregistration.microsoftonline.us", Purpose: Registration},
			{Name: "certauth.enterpriseregistration.microsoftonline.us", Purpose: Registration},
			{Name: "login.microsoftonline.us", Purpose: SignIn},
			{Name: "login-us.microsoftonline.com", Purpose: SignIn, Unconfirmed: true},
			{Name: "config.edge.skype.com", Purpose: Configuration},
		},
	},
	{
		China,
		[]string{"login.partner.microsoftonline.cn", "login.chinacloudapi.cn"},
		[]Host{
			{Name: "enterpriseregistration.partner.microsoftonline.cn", Purpose: Registration},
			{Name: "certauth.enterpriseregistration.partner.microsoftonline.cn", Purpose: Registration},
			{Name: "login.partner.microsoftonline.cn", Purpose: SignIn},
			{Name: "login.chinacloudapi.cn", Purpose: SignIn},
			{Name: "mooncake.ecs.office.com", Purpose: Configuration},
		},
	},
}

// apple are the hosts of Apple's association service, the same in every cloud [MS-PTS, HT210060].
var apple = []Host{
	{Name: "app-site-association.cdn-apple.com", Purpose: Association},
	{Name: "app-site-association.networking.apple", Purpose: Association},
}

// Clouds returns all clouds.
func Clouds() []Cloud { return []Cloud{Public, USGovernment, China} }

// Hosts returns what a Mac needs in this cloud, in display order. It returns nothing for an unknown cloud.
func (c Cloud) Hosts() []Host {
	for _, one := range environments {
		if one.cloud == c {
			return slices.Concat(one.hosts, apple)
		}
	}
	return nil
}

// SignInHosts returns the names of the cloud's sign-in service, the preferred one first.
func (c Cloud) SignInHosts() []string {
	for _, one := range environments {
		if one.cloud == c {
			return slices.Clone(one.signIn)
		}
	}
	return nil
}

// ExtensionURLs returns the URLs that a profile gives to Microsoft's single sign-on extension for this cloud [MS-SSO].
func (c Cloud) ExtensionURLs() []string {
	var urls []string
	for _, host := range c.Hosts() {
		if host.Purpose == SignIn {
			urls = append(urls, "https://"+host.Name)
		}
	}
	return urls
}

// Of returns the cloud of a sign-in or registration host, or of a host below one such as
// device.login.microsoftonline.com. It reports whether usher knows the cloud. It accepts what sources report: a host,
// host:port or a URL, in upper or lower case, with or without a dot at the end.
func Of(text string) (Cloud, bool) {
	host := hostOf(text)
	if host == "" {
		return "", false
	}
	for _, one := range environments {
		names := slices.Clone(one.signIn)
		for _, server := range one.hosts {
			if server.Purpose == Registration {
				names = append(names, server.Name)
			}
		}
		if slices.ContainsFunc(names,
			func(name string) bool { return host == name || strings.HasSuffix(host, "."+name) }) {
			return one.cloud, true
		}
	}
	return "", false
}

// hostOf returns the host of a URL, of host:port or of a host, in lower case. It returns "" if there is none.
func hostOf(text string) string {
	text = strings.TrimSpace(text)
	if strings.Contains(text, "://") {
		parsed, err := url.Parse(text)
		if err != nil {
			return ""
		}
		text = parsed.Host
	}
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	text, _, _ = strings.Cut(text, "/")
	return strings.ToLower(strings.TrimSuffix(text, "."))
}

// Find returns the tables' entry for a host and reports whether they have one.
func Find(name string) (Host, bool) {
	name = hostOf(name)
	for _, one := range environments {
		for _, host := range slices.Concat(one.hosts, apple) {
			if host.Name == name {
				return host, true
			}
		}
	}
	return Host{}, false
}

// Endpoints returns what a Mac needs if its tenant has this sign-in host, as host:port. For a host of no known cloud
// these are that host and Apple's hosts.
func Endpoints(signInHost string) []string {
	known, ok := Of(signInHost)
	hosts := known.Hosts()
	if !ok {
		hosts = append([]Host{{Name: hostOf(signInHost), Purpose: SignIn}}, apple...)
	}
	endpoints := make([]string, 0, len(hosts))
	for _, host := range hosts {
		if host.Name != "" {
			endpoints = append(endpoints, net.JoinHostPort(host.Name, "443"))
		}
	}
	return endpoints
}
