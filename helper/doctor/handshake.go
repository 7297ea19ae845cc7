package doctor

import (
	"fmt"
	"strings"

	"usher.internal/helper/endpoint"
	"usher.internal/internal/cloud"
)

// Fixes for a proxy on the way.
const (
	fixProxy     = "Set proxy.url to the proxy that macOS would choose."
	fixProxyUser = "Let these hosts pass the proxy without a user, or set proxy.url to a proxy that does; usher " +
		"keeps no password of a proxy."
)

// shownName is the shown form of a server: without the default port.
func shownName(address string) string { return strings.TrimSuffix(address, ":443") }

// describe returns the outcome of one server. automatic is what macOS would ask for a proxy but usher does not, or
// empty.
func describe(address string, answer endpoint.Answer, automatic string) Outcome {
	name := shownName(address)
	found := Outcome{
		Name:   "endpoint-" + kebabOf(name),
		Title:  name + " shows a public certificate",
		Result: Failed,
	}
	found.Evidence, found.Fix = sentencesOf(name, answer)
	host, known := hostOf(address)
	if !known && (answer.Verdict == endpoint.Inspected || answer.Verdict == endpoint.SelfSigned) {
		found.Fix += fmt.Sprintf(" If %s has a private authority of its own, as a federation server may, remove it "+
			"from preflight.endpoints.", name)
	}
	connected := answer.Verdict.Connected()
	switch {
	case answer.Verdict == endpoint.Public:
		found.Result = OK
	case answer.Verdict == endpoint.Incomplete, answer.Verdict == endpoint.Unproven,
		answer.Verdict == endpoint.ProxyUser:
		found.Result = Warning // its purpose is not known
	case known && host.Purpose == cloud.Configuration:
		found.Result = Warning // a registration works without it
	case !connected && known && host.Unconfirmed:
		found.Result = Warning
		found.Evidence += " Only one of Microsoft's lists names this host; it may not be needed."
	}
	if !connected && automatic != "" {
		found.Result = Warning
		found.Evidence += fmt.Sprintf(" macOS uses %s, which usher does not evaluate; Company Portal may reach it.",
			automatic)
		found.Fix = fixProxy
	}
	return found
}

// sentencesOf returns what was seen of a server, and the fix.
func sentencesOf(name string, answer endpoint.Answer) (evidence, fix string) {
	through := ""
	if via := answer.Via.String(); via != "" {
		through = fmt.Sprintf(" through the proxy %s (from %s)", via, answer.Via.Origin)
	}
	issuer := answer.Issuer
	if answer.Authority != "" {
		issuer += ", under " + answer.Authority
	}
	from, to := stamp(answer.NotBefore), stamp(answer.NotAfter)
	exempt := fmt.Sprintf("Exempt %s from TLS inspection on the proxy, the firewall or the security software that "+
		"issues such certificates (docs/deploy.md lists all hosts).", name)
	switch answer.Verdict {
	case endpoint.Public:
		evidence = fmt.Sprintf("Its certificate%s is issued by %s, which is public.", through, issuer)
		if answer.AsksForCertificate {
			evidence += " It asks for a client certificate."
		}
		return evidence, ""
	case endpoint.Inspected:
		evidence = fmt.Sprintf("TLS inspection: the certificate that %s shows%s is issued by %s, which is not a "+
			"public authority.", name, through, issuer)
		return evidence + alsoWrong(answer), exempt
	case endpoint.SelfSigned:
		evidence = fmt.Sprintf("TLS inspection, or another device in its place: the certificate that %s shows%s is "+
			"self-signed, by %s, which is not a public authority.", name, through, issuer)
		return evidence + alsoWrong(answer), exempt
	case endpoint.Incomplete:
		return fmt.Sprintf("It is not known whether this is TLS inspection. The certificate that %s shows%s is "+
				"issued by %s and has the marks of a public one, but its chain does not lead to a public authority. "+
				"An intermediate certificate may be missing; usher does not fetch it.%s", name, through, issuer,
				alsoWrong(answer)),
			fmt.Sprintf("Find out what %s is. If it inspects TLS, exempt %s from it.", answer.Issuer, name)
	case endpoint.OutOfDate:
		return fmt.Sprintf("The certificate that %s shows%s, issued by the public authority %s, is not valid at the "+
				"time of this clock; it is valid from %s to %s.", name, through, issuer, from, to),
			"Compare the clock with another one. If the clock is right, something answers in place of the host: " +
				"check DNS, proxy and firewall."
	case endpoint.WrongName:
		evidence = fmt.Sprintf("The certificate that %s shows%s is for %s, not for this host; it is issued by the "+
			"public authority %s.", name, through, listed(answer.Names), issuer)
		if answer.TimeIsWrong {
			evidence += fmt.Sprintf(" It is not valid at the time of this clock either; it is valid from %s to %s.",
				from, to)
		}
		return evidence, "Log in to the network, if it has a captive portal. Otherwise check DNS, proxy and " +
			"firewall: they lead to another server."
	case endpoint.Unproven:
		return fmt.Sprintf("%s shows%s a certificate issued by the public authority %s, but the handshake ended "+
				"before the server proved that it has the key: %s.", name, through, issuer, answer.Detail),
			"Check the proxy, the firewall and the security software on the way."
	case endpoint.Unreadable:
		if answer.Issuer != "" {
			return fmt.Sprintf("TLS inspection: the certificate that %s shows%s is issued by %s and cannot be read. "+
				"Those of public authorities can (%s).", name, through, issuer,
				strings.TrimSuffix(answer.Detail, ".")), exempt
		}
		return fmt.Sprintf("TLS inspection is likely: usher cannot read the certificate that %s shows%s, and public "+
			"authorities do not issue such certificates. The issuer's name is not known. (%s)", name, through,
			strings.TrimSuffix(answer.Detail, ".")) + ".", exempt
	case endpoint.NotTLS:
		return fmt.Sprintf("%s answers%s without TLS; its answer begins with %q.", name, through, answer.Detail),
			"Log in to the network, if it has a captive portal. Otherwise check the proxy or firewall that answers " +
				"in place of the host."
	case endpoint.Closed:
		return fmt.Sprintf("The connection to %s%s was closed during the TLS handshake.", name, through),
			"Allow this host on the firewall, proxy or security software: they close connections to hosts " +
				"that they block."
	case endpoint.Silent:
		return fmt.Sprintf("%s accepts connections%s, and does not answer the TLS handshake within %s.", name, through,
				endpoint.HandshakeTimeout),
			"Allow this host on the firewall, proxy or security software. Try a smaller MTU if a VPN is in use."
	case endpoint.Failed:
		return fmt.Sprintf("The TLS handshake with %s%s failed: %s.", name, through, answer.Detail),
			"Check the proxy, the firewall and the security software on the way."
	case endpoint.Refused:
		return fmt.Sprintf("%s refuses the connection: %s.", name, answer.Detail),
			"Allow this host on the firewall. If the address is wrong, correct DNS."
	case endpoint.NoName:
		return fmt.Sprintf("DNS does not know %s: %s.", name, answer.Detail),
			"Correct DNS: a filter may hide this host, or the network has no route to the internet's DNS."
	case endpoint.NoDNS:
		return fmt.Sprintf("DNS does not answer for %s: %s.", name, answer.Detail),
			"Check the network and its DNS servers."
	case endpoint.NoAnswer:
		return fmt.Sprintf("%s does not answer within %s.", name, endpoint.ConnectTimeout),
			"Allow this host on the firewall, or set proxy.url if the internet is only reachable through a proxy."
	case endpoint.ProxyUser:
		return fmt.Sprintf("The proxy %s (from %s) requires a user (407) before it connects to %s. Company Portal "+
			"may have one; usher has none.", answer.Via, answer.Via.Origin, name), fixProxyUser
	case endpoint.ProxyRefused:
		return fmt.Sprintf("The proxy %s (from %s) does not connect to %s: it answers %d.", answer.Via,
			answer.Via.Origin, name, answer.Status), "Allow this host on the proxy."
	case endpoint.ProxyUnreachable:
		return fmt.Sprintf("The proxy %s (from %s) cannot be used for %s: %s.", answer.Via, answer.Via.Origin, name,
			answer.Detail), fmt.Sprintf("Correct the proxy in %s, or allow connections to it.", answer.Via.Origin)
	}
	return fmt.Sprintf("%s cannot be reached: %s.", name, answer.Detail), "Check network, DNS and firewall."
}

// alsoWrong returns sentences about a chain that is not public.
func alsoWrong(answer endpoint.Answer) string {
	text := ""
	if answer.BorrowedName {
		text += " That is the name of a public authority, but it does not have that authority's key."
	}
	if answer.NameIsWrong {
		text += fmt.Sprintf(" It is for %s, not for this host.", listed(answer.Names))
	}
	if answer.TimeIsWrong {
		text += fmt.Sprintf(" It is valid from %s to %s, not now.", stamp(answer.NotBefore), stamp(answer.NotAfter))
	}
	return text
}

func listed(names []string) string {
	if len(names) == 0 {
		return "no name"
	}
	return strings.Join(names, ", ")
}
