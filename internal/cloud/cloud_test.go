package cloud_test

import (
	"flag"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"usher.internal/internal/cloud"
	"usher.internal/internal/documented"
)

var update = flag.Bool("update", false, "write the table of the documentation")

func TestCloudOfAHost(t *testing.T) {
	for text, want := range map[string]cloud.Cloud{
		"login.microsoftonline.com":        cloud.Public,
		"LOGIN.MicrosoftOnline.com.":       cloud.Public,
		"login.windows.net":                cloud.Public,
		"sts.windows.net":                  cloud.Public,
		"device.login.microsoftonline.com": cloud.Public,
		"https://sts.windows.net/8d6b9a52-2b7e-4f0c-9d6b-0f2f7c1f6a11/": cloud.Public,
		"https://login.microsoftonline.com/common/oauth2/v2.0/token":    cloud.Public,
		"https://enterpriseregistration.windows.net/":                   cloud.Public,
		" login.microsoftonline.us ":                                    cloud.USGovernment,
		"login.microsoftonline.us:443":                                  cloud.USGovernment,
		"login.usgovcloudapi.net":                                       cloud.USGovernment,
		"login-us.microsoftonline.com":                                  cloud.USGovernment,
		"certauth.enterpriseregistration.microsoftonline.us":            cloud.USGovernment,
		"login.partner.microsoftonline.cn":                              cloud.China,
		"login.chinacloudapi.cn":                                        cloud.China,
		"login.chinacloudapi.cn/common":                                 cloud.China,

		"":                               "",
		".":                              "",
		"https://":                       "",
		"https://%zz":                    "",
		"login.microsoftonline.de":       "",
		"microsoftonline.com":            "",
		"notlogin.microsoftonline.com":   "",
		"login.microsoftonline.com.evil": "",
		"login.example.com":              "",
		"config.edge.skype.com":          "",
		"127.0.0.1":                      "",
		"[::1]:443":                      "",
	} {
		got, known := cloud.Of(text)
		if got != want || known != (want != "") {
			t.Errorf("cloud of %q: %q (%t), want %q", text, got, known, want)
		}
	}
}

// Clouds share no hosts, except those of the configuration service and of Apple.
func TestCloudsShareNoHosts(t *testing.T) {
	seen := map[string]cloud.Cloud{}
	for _, one := range cloud.Clouds() {
		if len(one.SignInHosts()) == 0 || strings.HasPrefix(one.String(), "an ") {
			t.Errorf("%q is not complete", string(one))
		}
		purposes := map[cloud.Purpose]bool{}
		for _, host := range one.Hosts() {
			purposes[host.Purpose] = true
			if found, known := cloud.Find(host.Name); !known || found != host {
				t.Errorf("%s is found as %+v, %t", host.Name, found, known)
			}
			if host.Purpose == cloud.Configuration || host.Purpose == cloud.Association {
				continue
			}
			if other, twice := seen[host.Name]; twice {
				t.Errorf("%s is in %s and %s", host.Name, other, one)
			}
			seen[host.Name] = one
			if of, known := cloud.Of(host.Name); !known || of != one {
				t.Errorf("%s is of %q", host.Name, string(of))
			}
		}
		if len(purposes) != 4 {
			t.Errorf("%s has only servers for %v", one, purposes)
		}
		for _, name := range one.SignInHosts() {
			if got := cloud.Endpoints(name); len(got) != len(one.Hosts()) {
				t.Errorf("%s has the endpoints %v", name, got)
			}
		}
	}
}

func TestEndpoints(t *testing.T) {
	public := []string{
		"enterpriseregistration.windows.net:443", "certauth.enterpriseregistration.windows.net:443",
		"login.microsoftonline.com:443",
		"login.microsoft.com:443", "sts.windows.net:443", "config.edge.skype.com:443",
		"app-site-association.cdn-apple.com:443", "app-site-association.networking.apple:443",
	}
	if got := cloud.Endpoints("login.microsoftonline.com"); !slices.Equal(got, public) {
		t.Errorf("the public cloud has %q", got)
	}
	if got, want := cloud.Endpoints("Sign-In.example.com"),
		append([]string{"sign-in.example.com:443"}, public[6:]...); !slices.Equal(got, want) {
		t.Errorf("an unknown cloud has %q, want %q", got, want)
	}
	if got := cloud.Endpoints(""); !slices.Equal(got, public[6:]) {
		t.Errorf("no host has %q", got)
	}
	for _, one := range cloud.Clouds() {
		for _, endpoint := range cloud.Endpoints(one.SignInHosts()[0]) {
			if _, port, err := net.SplitHostPort(endpoint); err != nil || port != "443" {
				t.Errorf("%q is not host:443", endpoint)
			}
		}
	}
}

func TestTableOfTheDocumentation(t *testing.T) {
	var table strings.Builder
	table.WriteString("| cloud | `tenant.cloud_host` | for registration | for sign-in | for the extension (Apple) | " +
		"for configuration |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, one := range cloud.Clouds() {
		by := map[cloud.Purpose][]string{}
		for _, host := range one.Hosts() {
			name := "`" + host.Name + "`"
			if host.Unconfirmed {
				name += " (in one list of Microsoft's only)"
			}
			by[host.Purpose] = append(by[host.Purpose], name)
		}
		fmt.Fprintf(&table, "| %s | `%s` |", one, one.SignInHosts()[0])
		for _, purpose := range []cloud.Purpose{cloud.Registration, cloud.SignIn, cloud.Association,
			cloud.Configuration} {
			fmt.Fprintf(&table, " %s |", strings.Join(by[purpose], "<br>"))
		}
		table.WriteString("\n")
	}
	documented.Part(t, "../../docs/deploy.md", "hosts", "go test ./internal/cloud -update", table.String(), *update)
}
