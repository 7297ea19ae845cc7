package doctor

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"usher.internal/helper/proxy"
	"usher.internal/internal/cloud"
	"usher.internal/internal/oneline"
)

// proxies finds the proxy that usherd uses, and where it is set.
type proxies struct {
	finder *proxy.Finder
	// targets are host:port. They are looked up to name the ones that bypass a proxy.
	targets []string
}

// mostExceptions is how many targets are named.
const mostExceptions = 8

func (p proxies) applies(context.Context) (Outcome, error) {
	overview := p.finder.Overview()
	if overview.EnvironmentError != nil {
		found := failed("%s.", said(overview.EnvironmentError.Error()))
		found.Fix = "Correct proxy.url, or HTTPS_PROXY in the environment of usherd."
		return found, nil
	}
	found := ok("None is set; usherd connects directly.")
	if overview.URL != "" {
		found = ok("%s, from %s.", overview.URL, overview.Origin)
	}
	if direct := p.direct(overview); len(direct) > 0 {
		found.Evidence += fmt.Sprintf(" Without it: %s.", strings.Join(direct, ", "))
	}
	if overview.Origin == proxy.Configured {
		found.Evidence += " It is used for every call."
		return found, nil
	}
	if overview.SystemError != nil {
		found.Result, found.notSeen = Warning, true
		found.Evidence += fmt.Sprintf(" Could not look at macOS's settings: %s.",
			strings.TrimRight(overview.SystemError.Error(), "."))
		return found, nil
	}
	system := overview.System
	for _, unusable := range system.Unusable {
		found.Result = Warning
		found.Evidence += fmt.Sprintf(" In macOS's settings %s.", unusable)
		found.Fix = "Correct the proxy in macOS's network settings, or set proxy.url."
	}
	if system.HTTPS.HasUser && overview.Origin == proxy.MacOS {
		found.Evidence += " macOS has a user for it; usher does not read the password."
	}
	automatic := system.Automatic()
	switch {
	case automatic == "":
	case system.AutoConfiguration != "", overview.URL == "" && system.SOCKS.IsSet():
		found.Result, found.Fix = Warning, fixProxy
		found.Evidence += fmt.Sprintf(" macOS uses %s; usher does not evaluate it.", oneline.Of(automatic, longestSaid))
	case overview.URL == "": // on in many networks that have nothing to find
		found.Evidence += fmt.Sprintf(" macOS also tries %s; usher does not.", automatic)
	}
	return found, nil
}

// direct returns the targets that bypass a proxy of the system.
func (p proxies) direct(overview proxy.Overview) (direct []string) {
	if overview.URL == "" {
		return nil
	}
	for _, target := range p.targets {
		choice, err := p.finder.For(&url.URL{Scheme: "https", Host: target})
		if err == nil && choice.URL == nil {
			direct = append(direct, shownName(target))
		}
	}
	if more := len(direct) - mostExceptions; more > 0 {
		direct = append(direct[:mostExceptions], fmt.Sprintf("%d more", more))
	}
	return direct
}

// tenantCloud checks whether usher knows the cloud of tenant.cloud_host.
type tenantCloud struct{ signInHost string }

func (t tenantCloud) known(context.Context) (Outcome, error) {
	if t.signInHost == "" {
		return notApplicable("tenant.cloud_host is empty."), nil
	}
	if of, known := cloud.Of(t.signInHost); known {
		return ok("%s is of %s.", t.signInHost, of), nil
	}
	return warning("usher knows no Microsoft cloud with the sign-in host %s. By itself it checks only this "+
		"host and Apple's.", t.signInHost), nil
}
